//! Sounds: what an output of the test's own was played.

use std::{
    fs::{self, File},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use crate::desk::Desk;

/// Samples a second of the recording.
const RATE: f32 = 8000.0;

/// Records what goes to the output `out` until it is asked for.
struct Ear<'a> {
    desk: &'a Desk,
    parec: Child,
}

impl<'a> Ear<'a> {
    fn open(desk: &'a Desk) -> Self {
        let mut parec = desk.room.command("parec");
        parec.args(["--device=out.monitor", "--format=float32le", "--channels=1", "--latency-msec=20"]);
        parec.arg(format!("--rate={RATE}"));
        let file = File::create(desk.room.path("heard")).unwrap();
        let parec = parec.stdout(file).stderr(Stdio::null()).spawn();
        let ear = Self { desk, parec: parec.expect("parec is among the packages of `make setup-test`") };
        desk.until("it records", |desk| fs::metadata(desk.room.path("heard")).unwrap().len() > 0);
        ear
    }

    /// All that was heard.
    fn close(mut self) -> Vec<f32> {
        thread::sleep(Duration::from_millis(800));
        self.parec.kill().unwrap();
        self.parec.wait().unwrap();
        let bytes = fs::read(self.desk.room.path("heard")).unwrap();
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }
}

/// How much of a tone there is in each stretch of 25 ms, by Goertzel's sum: amplitude, 1 is full scale.
fn tone(samples: &[f32], hz: f32) -> Vec<f32> {
    let amplitude = |stretch: &[f32]| {
        let step = std::f32::consts::TAU * hz / RATE;
        let (re, im) = stretch.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
            let angle = step * n as f32;
            (re + sample * angle.cos(), im + sample * angle.sin())
        });
        2.0 * f32::hypot(re, im) / stretch.len() as f32
    };
    samples.chunks_exact((0.025 * RATE) as usize).map(amplitude).collect()
}

/// Where a tone is loudest, and how loud.
fn loudest(samples: &[f32], hz: f32) -> (usize, f32) {
    let tone = tone(samples, hz);
    let at = (0..tone.len()).max_by(|a, b| tone[*a].total_cmp(&tone[*b])).unwrap();
    (at, tone[at])
}

#[test]
fn a_start_goes_up_a_stop_goes_down_and_both_are_quiet() {
    let mut desk = Desk::new("[window]\nsounds = true\n");
    desk.window();
    let server = desk.room.start_server();
    server.plug_output("out");
    for (order, then, first, second) in [("start", "listening", 660.0, 880.0), ("stop", "ready", 880.0, 660.0)] {
        let ear = Ear::open(&desk);
        desk.order(order);
        desk.until(then, |desk| desk.order("status") == then);
        let heard = ear.close();
        let ((low, low_size), (high, high_size)) = (loudest(&heard, first), loudest(&heard, second));
        assert!(low_size > 0.03 && high_size > 0.03, "{order}: {low_size}, {high_size}");
        assert!((1..=5).contains(&(high as i64 - low as i64)), "{order}: {low}, {high}");
        let peak = heard.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!(peak < 0.1, "{order}: {peak}");
        let sounding = heard.iter().filter(|sample| sample.abs() > 0.001).count() as f32 / RATE;
        assert!((0.05..0.15).contains(&sounding), "{order}: {sounding} s");
    }
}

#[test]
fn nothing_is_played_unless_it_is_asked_for() {
    let mut desk = Desk::new("");
    desk.window();
    let server = desk.room.start_server();
    server.plug_output("out");
    let ear = Ear::open(&desk);
    desk.order("start");
    desk.until("it listens", |desk| desk.order("status") == "listening");
    desk.order("stop");
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
    assert!(ear.close().iter().all(|sample| sample.abs() < 1e-6));
}
