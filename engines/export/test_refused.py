"""Tests of what the export refuses: other kinds of models, weights that do not fit, archives that lie."""

from __future__ import annotations

import io
import tarfile
import tempfile
import unittest
from pathlib import Path
from typing import Any

import export  # noqa: F401  Names the folders of the others.
import made_nemo
import torch
from errors import InputError
from made_nemo import PREFIX, TINY
from nemo_config import Config
from nemo_file import NemoFile
from test_nemo import make, run


class RefusedTest(unittest.TestCase):
    """What no model can be made of."""

    def setUp(self) -> None:
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.work / "x.nemo"

    def refused(self, *words: str) -> None:
        """Whatever is at `path` is refused with these words, and leaves nothing."""
        with self.assertRaises(InputError) as raised:
            run(self.path, self.work / "out")
        for word in (str(self.path), *words):
            self.assertIn(word, str(raised.exception))
        self.assertEqual([p.name for p in self.work.iterdir()], ["x.nemo"])

    def test_other_kinds_are_refused_by_what_they_are(self) -> None:
        models = "nemo.collections.asr.models"
        modules = "nemo.collections.asr.modules"
        ctc = f"{models}.ctc_bpe_models.EncDecCTCModelBPE"
        aed = f"{models}.aed_multitask_models.EncDecMultiTaskModel"
        for changes, words in (
            ({"target": ctc}, ("target: expected a TDT transducer, found a CTC model",)),
            ({"target": aed}, ("found an attention encoder-decoder (AED), as Canary",)),
            ({"target": "a.b.EncDecRNNTModel"}, ("found a transducer over characters",)),
            ({"target": "a.b.Sortformer"}, ("found Sortformer, which is unknown here",)),
            ({"target": None}, ("found no class",)),
            ({"encoder__att_context_style": "chunked_limited"}, ("found a cache-aware streaming encoder",)),
            ({"encoder__att_context_size": [[70, 13], [70, 0]]}, ("found a cache-aware streaming encoder",)),
            ({"encoder__conv_context_size": "causal"}, ("found a cache-aware streaming encoder",)),
            ({"encoder__att_context_size": [128, 128]}, ("encoder.att_context_size", "[128, 128]")),
            ({"encoder__subsampling": "striding"}, ("a Conformer, no FastConformer",)),
            ({"encoder__conv_norm_type": "layer_norm"}, ("expected batch_norm, found layer_norm",)),
            ({"encoder___target_": f"{modules}.ConvASREncoder"}, ("expected ConformerEncoder, found ConvASREncoder",)),
            ({"decoder___target_": f"{modules}.StatelessTransducerDecoder"}, ("expected RNNTDecoder, an LSTM",)),
            ({"loss__loss_name": "multiblank_rnnt"}, ("expected tdt, found multiblank_rnnt",)),
            ({"joint__jointnet__activation": "tanh"}, ("expected relu, found tanh",)),
            ({"tokenizer__type": "wpe"}, ("expected bpe, a SentencePiece model, found wpe",)),
            ({"preprocessor__sample_rate": 8000}, ("expected 16000 Hz, found 8000",)),
            ({"preprocessor__normalize": "all_features"}, ("expected per_feature or NA, found all_features",)),
            (
                {"preprocessor__features": 80},
                ("preprocessor.featurizer.fb", "expected [80, 257]", "found [1, 128, 257]"),
            ),
            ({"preprocessor__lowfreq": 100}, ("preprocessor.featurizer.fb", "off")),
            ({"encoder__n_heads": 4}, ("encoder.n_heads: expected 2, as the weights have it, found 4",)),
            ({"encoder__n_layers": "many"}, ("encoder.n_layers: expected 2",)),
            ({"encoder__pos_emb_max_len": True}, ("expected a number from 1 to", "True")),
            ({"model_defaults__tdt_durations": [0, 1, 2]}, ("expected 5 durations, as many as the joint gives",)),
            ({"model_defaults__tdt_durations": [0, 2, 1, 3, 4]}, ("expected rising whole numbers",)),
        ):
            with self.subTest(changes):
                make(self.path, **changes)
                self.refused(*words)

    def test_a_transducer_without_durations_is_an_rnnt(self) -> None:
        state = made_nemo.state(TINY)
        for part in ("weight", "bias"):
            state[f"joint.joint_net.2.{part}"] = state[f"joint.joint_net.2.{part}"][:-5]
        make(self.path, state=state)
        self.refused("target: expected a TDT transducer, found an RNN-T transducer")

    def test_weights_that_do_not_fit_are_named(self) -> None:
        name = "encoder.layers.1.feed_forward2.linear1.weight"
        whole = made_nemo.state(TINY)
        infinite = whole[name].clone()
        infinite[3, 3] = torch.inf
        blank = whole["decoder.prediction.embed.weight"] + 1.0
        for change, words in (
            ({name: None}, ("not found", name)),
            ({"encoder.layers.0.adapter.weight": torch.zeros(3)}, ("found besides", "adapter")),
            ({name: torch.zeros(16, 32)}, (name, "expected shape [32, 16], found [16, 32]")),
            ({name: infinite}, (name, "expected finite values")),
            ({name: whole[name].to(torch.int8)}, (name, "expected floats, found torch.int8")),
            ({name: whole[name] * 1e6}, (name, "within 65504, the range of f16")),
            ({"decoder.prediction.embed.weight": blank}, ("expected zeros for blank",)),
            (
                {"encoder.pre_encode.out.weight": torch.zeros(3)},
                ("pre_encode.out.weight: expected a tensor of 2 axes",),
            ),
        ):
            with self.subTest(words):
                state = {key: value for key, value in (whole | change).items() if value is not None}
                make(self.path, state=state)
                self.refused(*words)

    def rewritten(self, change: Any) -> None:
        """The tiny file with its members put through `change`, a function from (name, data) to members."""
        make(self.path)
        with tarfile.open(self.path) as archive:
            members = [(m.name, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]
        with tarfile.open(self.path, "w") as archive:
            for name, data in (pair for one in members for pair in change(*one)):
                member = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
                content = b"" if isinstance(data, tarfile.TarInfo) else data
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

    def test_what_reaches_out_of_the_archive_is_refused(self) -> None:
        link = tarfile.TarInfo("./model_weights.ckpt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        for name, data, word in (
            ("../x.onnx", b"1", "expected files inside the archive's folder, found '../x.onnx'"),
            ("/etc/x", b"1", "expected files inside the archive's folder, found '/etc/x'"),
            ("a/../../x", b"1", "expected files inside the archive's folder"),
            ("..\\x", b"1", "expected files inside the archive's folder"),
            ("link", link, "expected a plain file, found a link or a device"),
            ("model_config.yaml", b"{}", "model_config.yaml: expected it once, found it twice"),
        ):
            with self.subTest(name):
                self.rewritten(lambda n, d, extra=(name, data): [(n, d), *([extra] if "config" in n else [])])
                self.refused(word)

    def test_what_is_cut_off_or_no_archive_is_refused(self) -> None:
        whole = make(self.path).read_bytes()
        for length in (0, 100, 512, 2000, len(whole) // 4, len(whole) // 2, len(whole) - 20_000):
            with self.subTest(length):
                self.path.write_bytes(whole[:length])
                self.refused()
        self.path.write_bytes(b"PK\x03\x04 not a tar" * 1000)
        self.refused("expected a .nemo file, which is a tar archive")
        for bad, words in (
            ("model_config.yaml", ("expected model_config.yaml in it, found",)),
            ("model_weights.ckpt", ("expected model_weights.ckpt in it",)),
            (f"{PREFIX}tokenizer.model", (f"expected {PREFIX}tokenizer.model in it",)),
        ):
            with self.subTest(bad):
                self.rewritten(lambda n, d, bad=bad: [] if bad in n else [(n, d)])
                self.refused(*words)
        for bad, data, words in (
            ("model_config.yaml", b"a: [1", ("model_config.yaml: expected YAML",)),
            ("model_config.yaml", b"!!python/object/apply:os.system ['true']", ("expected YAML",)),
            ("model_config.yaml", b"[1]", ("expected a table of settings, found list",)),
            ("model_weights.ckpt", b"nothing", ("model_weights.ckpt: expected tensors by name",)),
            ("tokenizer.model", b"nothing", ("tokenizer.model: expected a SentencePiece model",)),
        ):
            with self.subTest((bad, data)):
                self.rewritten(lambda n, d, bad=bad, data=data: [(n, data if n.endswith(bad) else d)])
                if bad == "tokenizer.model":
                    with self.assertRaisesRegex(InputError, words[0]):
                        run(self.path, self.work / "out")
                else:
                    self.refused(*words)

    def test_code_in_the_weights_is_not_run(self) -> None:
        mark = self.work / "mark"

        class Evil:
            def __reduce__(self) -> Any:
                return (Path.touch, (mark,))

        out = io.BytesIO()
        torch.save({"encoder": Evil()}, out)
        self.rewritten(lambda n, d: [(n, out.getvalue() if n.endswith("ckpt") else d)])
        self.refused("model_weights.ckpt: expected tensors by name")
        self.assertFalse(mark.exists())

    def test_settings_that_point_at_each_other_end(self) -> None:
        make(self.path, model_defaults={"a": "${model_defaults.b}", "b": "${model_defaults.a}"})
        self.refused("expected settings that end")
        make(self.path)
        with NemoFile(self.path, self.work) as file:
            found = Config(self.path, file.config())
        self.assertEqual((found.get("encoder.d_model"), found.get("encoder.feat_in")), (TINY.dim, TINY.mel_bins))


if __name__ == "__main__":
    unittest.main()
