//! What a recording is written as, word by word as they come.

use crate::{
    cli::{console::RunningText, transcribe::args::Format},
    output::{Cue, CueMaker, CueWord, SubtitleFormat},
    text::CaredWord,
};

/// Makes the text of one file. Nothing is kept but what is not written yet.
#[derive(Debug)]
pub(super) enum Shape {
    /// One line, begun with the file's name if there are several.
    Line {
        text: RunningText,
        head: String,
        begun: bool,
    },
    Subtitles {
        format: SubtitleFormat,
        maker: CueMaker,
        count: usize,
    },
    /// An object is written when all of it is known.
    Object,
}

impl Shape {
    /// `name`: to begin a line of text with.
    pub(super) fn new(format: Format, name: Option<&str>) -> Self {
        match format {
            Format::Text => Self::Line {
                text: RunningText::default(),
                head: name.map(|name| format!("{name}: ")).unwrap_or_default(),
                begun: false,
            },
            Format::Subtitles(format) => Self::Subtitles { format, maker: CueMaker::default(), count: 0 },
            Format::Json => Self::Object,
        }
    }

    /// Before the first word, once the file is open.
    pub(super) fn begin(&mut self, out: &mut String) {
        if let Self::Subtitles { format, .. } = self {
            out.push_str(format.head());
        }
    }

    /// Words that were committed, as rules made them.
    pub(super) fn words(&mut self, words: &[CaredWord], out: &mut String) {
        match self {
            Self::Line { text, head, begun } => {
                if !words.is_empty() && !std::mem::replace(begun, true) {
                    out.push_str(head);
                }
                out.push_str(&text.append_cared(words));
            }
            Self::Subtitles { format, maker, count } => {
                for word in words {
                    let joint = word.word();
                    let (start, end) = (joint.start.secs(), joint.end.secs());
                    let word = CueWord { text: joint.text, glued: joint.glued, start, end };
                    write(*format, count, maker.push(&word), out);
                }
            }
            Self::Object => {}
        }
    }

    /// Nothing of what follows goes on with what was said.
    pub(super) fn utterance_end(&mut self, out: &mut String) {
        if let Self::Subtitles { format, maker, count } = self {
            write(*format, count, maker.close(), out);
        }
    }

    /// After the last word. `failed`: the file is named by an error; a line of its own would look like silence.
    pub(super) fn finish(&mut self, failed: bool, out: &mut String) {
        self.utterance_end(out);
        if let Self::Line { head, begun, .. } = self {
            if *begun {
                out.push('\n');
            } else if !head.is_empty() && !failed {
                out.push_str(head.trim_end());
                out.push('\n');
            }
        }
    }
}

fn write(format: SubtitleFormat, count: &mut usize, cues: impl IntoIterator<Item = Cue>, out: &mut String) {
    for cue in cues {
        *count += 1;
        out.push_str(&format.cue(*count, &cue));
    }
}
