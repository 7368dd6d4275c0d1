//! A strict reader of `SubRip` and `WebVTT`, which refuses what players only guess at.

/// A cue: number, milliseconds from and to, text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cue {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) lines: Vec<String>,
}

/// Reads `SubRip`.
#[track_caller]
pub(crate) fn srt(text: &str) -> Vec<Cue> {
    cues(text, ',')
}

/// Reads `WebVTT`.
#[track_caller]
pub(crate) fn vtt(text: &str) -> Vec<Cue> {
    let body = text.strip_prefix("WEBVTT\n\n").unwrap_or_else(|| panic!("no head: {text}"));
    let mut cues = cues(body, '.');
    for line in cues.iter_mut().flat_map(|cue| &mut cue.lines) {
        let bare = line.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
        assert!(!bare.contains(['<', '>', '&']), "{line}");
        *line = line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    }
    cues
}

/// What both are made of, and the rules that the program keeps to.
#[track_caller]
fn cues(text: &str, point: char) -> Vec<Cue> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text:?}");
    let (mut found, mut before) = (Vec::new(), 0);
    for (index, block) in text.split_terminator("\n\n").enumerate() {
        let mut lines = block.lines();
        assert_eq!(lines.next(), Some((index + 1).to_string().as_str()), "{block}");
        let (start, end) = lines.next().and_then(|times| times.split_once(" --> ")).expect(block);
        let (start, end) = (millis(start, point), millis(end, point));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        assert!((1..=2).contains(&lines.len()), "{block}");
        for line in &lines {
            assert!(!line.is_empty() && line.trim() == line && !line.contains("-->"), "{block}");
            let shown = line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            assert!(shown.chars().count() <= 42, "{block}");
        }
        assert!(start >= before, "overlaps the cue before: {block}");
        assert!((1000..=7000).contains(&(end - start)), "stands {} ms: {block}", end - start);
        before = end;
        found.push(Cue { start, end, lines });
    }
    found
}

/// `00:01:02,345`
#[track_caller]
fn millis(clock: &str, point: char) -> u64 {
    let (secs, millis) = clock.split_once(point).expect(clock);
    let parts: Vec<&str> = secs.split(':').chain([millis]).collect();
    let [hours, minutes, secs, millis] = parts[..] else { panic!("{clock}") };
    assert!(hours.len() >= 2 && minutes.len() == 2 && secs.len() == 2 && millis.len() == 3, "{clock}");
    let number = |digits: &str| -> u64 { digits.parse().expect(digits) };
    assert!(number(minutes) < 60 && number(secs) < 60, "{clock}");
    ((number(hours) * 60 + number(minutes)) * 60 + number(secs)) * 1000 + number(millis)
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    let good = "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:02,500 --> 00:00:04,000\na\nb\n\n";
    assert_eq!(srt(good).len(), 2);
    assert_eq!(vtt(&format!("WEBVTT\n\n{}", good.replace(',', "."))).len(), 2);
    let refuses = |text: String| std::panic::catch_unwind(|| srt(&text)).is_err();
    for (from, to) in [
        ("2,500\nHello", "1,900\nHello"),
        ("00:00:02,500 -->", "00:00:02,400 -->"),
        ("2\n00:00:02", "3\n00:00:02"),
        ("a\nb", "a\nb\nc"),
        ("Hello", "Hello, this line is much too long for a subtitle, is it not"),
        ("Hello\n\n", "\n\n"),
        ("00:00:04,000", "00:00:10,000"),
        ("00:00:01,000", "0:00:01,000"),
    ] {
        assert!(good.contains(from) && refuses(good.replacen(from, to, 1)), "{from}");
    }
}
