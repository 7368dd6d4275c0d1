# The two commands of the README are `make run` and `make test`. CI calls `make test`.
# On Debian and Ubuntu `setup` installs what is missing; elsewhere it says what is needed and goes on.

CARGO ?= cargo
BENCH_FILE ?= assets/clips/story.flac
BENCH_ARGS ?=
BENCH_PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/dictoscope
PEERS_ARGS ?=

.PHONY: help run test setup setup-test setup-package package deb appimage stage check-package check fmt clippy clippy-tensorrt doc deny unit recipe bench bench-check bench-baseline peers parity model

help:
	@echo "make run         install what is missing, build, open the window"
	@echo "make test        install what the tests need, then make check and make recipe"
	@echo "make check       formatting, clippy, documentation, licences, tests; warnings are errors"
	@echo "make deny        licences and sources of all crates, and RustSec's advisories where they can be fetched"
	@echo "make setup       system packages for building and running (Debian, Ubuntu)"
	@echo "make setup-test  the same with those of the tests"
	@echo "make recipe      tests of the training recipe, the export and the reference, in Python; 2.8 GB of packages on the first run"
	@echo "make package     a .deb and an AppImage in target/packaging (make deb and make appimage: one of them)"
	@echo "make check-package"
	@echo "                 installs the .deb into a bare Debian and transcribes there, then the same with the AppImage"
	@echo "make bench       time per hop, latency and memory on a recording; what they may cost, into target/bench.json"
	@echo "make bench-check the same, and fails if a figure is more than 15 % worse than benches/baseline.json"
	@echo "make bench-baseline"
	@echo "                 the same, as the new benches/baseline.json"
	@echo "make peers       against onnx-asr, sherpa-onnx and faster-whisper (350 MB of packages); SPEECH=FOLDER names recordings"
	@echo "make parity      rten against PyTorch on the shipped recordings: a table of differences"
	@echo "make model FROM=CHECKPOINT [NAME=...] [SPEECH=FOLDER]"
	@echo "                 assets/model out of a checkpoint of engines/training, with scores on SPEECH"

run: setup
	$(CARGO) run --release

test: setup-test
	$(MAKE) --no-print-directory check
	$(MAKE) --no-print-directory recipe

setup:
	@sh scripts/setup-debian.sh run

setup-test:
	@sh scripts/setup-debian.sh test

# The quick ones first.
check: fmt clippy doc deny unit

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

deny:
	@sh scripts/deny.sh

# The tests of engines load their libraries; those of TensorRT are there for Linux on x86-64 only. Tests are built with the feature and
# clippy and the documentation without, so that both are compiled and no crate is built for both.
UNAME := $(shell uname -sm)
ifeq ($(UNAME),Linux x86_64)
unit:
	@ORT_DYLIB_PATH=$$(sh scripts/onnxruntime-library.sh) && export ORT_DYLIB_PATH \
		&& DICTOSCOPE_TENSORRT=$$(sh scripts/tensorrt-library.sh) && export DICTOSCOPE_TENSORRT \
		&& $(CARGO) test --features tensorrt
else
unit:
	@ORT_DYLIB_PATH=$$(sh scripts/onnxruntime-library.sh) && export ORT_DYLIB_PATH && $(CARGO) test
endif

# Packages have the features that load everything at run time: the same as the tests.
ifeq ($(UNAME),Linux x86_64)
PACKAGE_FEATURES ?= --features tensorrt
endif
PACKAGES = target/packaging
setup-package:
	@sh scripts/setup-debian.sh package

stage: setup-package
	$(CARGO) build --release --locked $(PACKAGE_FEATURES)
	@sh packaging/linux/stage.sh "$${CARGO_TARGET_DIR:-target}/release/dictoscope" $(PACKAGES)/stage

deb: stage
	@sh packaging/linux/deb.sh $(PACKAGES) $(PACKAGE_FEATURES)

appimage: stage
	@sh packaging/linux/appimage.sh $(PACKAGES)/stage $(PACKAGES)

package: deb appimage

check-package: setup-package
	@sh packaging/check-deb.sh $(PACKAGES)/dictoscope_*.deb
	@sh packaging/check-appimage.sh $(PACKAGES)/Dictoscope-*.AppImage

# Not part of `make check`: it would compile every crate once more.
clippy-tensorrt:
	$(CARGO) clippy --features tensorrt --all-targets -- -D warnings

# The export's environment stands on the recipe's, which holds all that the reference needs, too: PyTorch comes once.
recipe:
	@python=$$(sh engines/export/setup.sh) \
		&& "$$python" -m unittest discover -s engines/reference \
		&& "$$python" -m unittest discover -s engines/training \
		&& "$$python" -m unittest discover -s engines/export \
		&& "$$python" -m unittest discover -s engines \
		&& "$$python" -m unittest discover -s benches \
		&& "$$python" -m unittest discover -s benches/peers

# Times depend on the machine: none of these is part of CI. Ratios to ONNX Runtime's encoder alone are kept.
BUDGET = python=$$(sh scripts/python-env.sh engines/requirements-probe.lock probe 10 onnxruntime safetensors) && "$$python" benches/budget.py
bench: setup
	$(CARGO) run --release -- bench $(BENCH_FILE) $(BENCH_ARGS)
	@ORT_DYLIB_PATH=$$(sh scripts/onnxruntime-library.sh) && export ORT_DYLIB_PATH && $(BUDGET) measure $(BENCH_PROGRAM)

bench-check: bench
	@$(BUDGET) check

bench-baseline: bench
	@$(BUDGET) baseline

peers: setup
	@sh benches/peers/run.sh $(if $(SPEECH),--speech "$(SPEECH)") $(PEERS_ARGS)

# The engine against PyTorch on the shipped recordings; 2.8 GB of packages on the first run.
PROGRAM ?= target/release/dictoscope
parity: setup
	$(CARGO) build --release
	@sh scripts/parity.sh $(PROGRAM)

# A checkpoint into assets/model. NAME goes into the contract (default: step and hash of the checkpoint); SPEECH is a folder of
# recordings with manifest.tsv to measure accuracy on; OUT another place for the model. Not from the environment: on some systems
# it has a NAME of its own.
FROM =
NAME =
SPEECH =
OUT = assets/model
model:
	@[ -n "$(FROM)" ] || { echo "make model: expected FROM=CHECKPOINT, a folder that train.py wrote" >&2; exit 2; }
	@python=$$(sh engines/training/setup.sh) && "$$python" engines/training/make_model.py "$(FROM)" --out "$(OUT)" \
		$(if $(NAME),--name "$(NAME)") $(if $(SPEECH),--speech "$(SPEECH)")
