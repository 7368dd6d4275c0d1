//! Dictations of the past, as their page knows them. Reading, exporting and deleting them is for whoever has the files.

use crossbeam_channel::{Receiver, Sender};

/// Formats that a dictation can be exported to, by the endings of their files.
pub(crate) const EXPORTS: [&str; 5] = ["txt", "md", "srt", "vtt", "json"];

/// What the page asks for; answered in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastAsk {
    /// The dictations that hold a text, newest first; with an empty one all.
    List {
        /// Whatever its case.
        search: String,
    },
    /// The whole text of one.
    Read {
        /// Its name.
        id: String,
    },
    /// A file of one.
    Export {
        /// Its name.
        id: String,
        /// `txt`, `md`, `srt` or `json`.
        format: &'static str,
    },
    /// One away for good.
    Delete {
        /// Its name.
        id: String,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastTold {
    /// To [`PastAsk::List`].
    List {
        /// What was searched for.
        search: String,
        /// What was found, newest first.
        rows: Vec<PastRow>,
    },
    /// To [`PastAsk::Read`].
    Text {
        /// The dictation's name.
        id: String,
        /// A paragraph for each utterance.
        text: String,
    },
    /// What the user should know, such as where an export is.
    Said(String),
    /// What went wrong.
    Failed(String),
}

/// One dictation in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRow {
    /// Its name.
    pub id: String,
    /// When it began, to be read.
    pub when: String,
    /// Words in it.
    pub words: usize,
    /// Its beginning.
    pub text: String,
    /// It was ended in order.
    pub ended: bool,
}

/// Whoever has the dictations.
#[derive(Debug)]
pub struct Past {
    /// Takes questions.
    pub ask: Sender<PastAsk>,
    /// Gives answers.
    pub told: Receiver<PastTold>,
}

/// What the page keeps between frames.
#[derive(Debug, Default)]
pub(crate) struct PastView {
    shown: bool,
    /// What stands in the field.
    pub(crate) search: String,
    /// The newest list.
    listed: Option<Vec<PastRow>>,
    /// A list was asked for and has not come.
    listing: bool,
    /// The chosen dictation and its text, once that came.
    chosen: Option<(String, Option<String>)>,
    /// Delete was pressed once.
    pub(crate) sure: bool,
    asks: Vec<PastAsk>,
}

impl PastView {
    /// Told in every frame whether the page is open; a page that opens lists anew.
    pub(crate) fn show(&mut self, open: bool) {
        if open && !self.shown {
            self.list();
        }
        self.shown = open;
    }

    /// What the list shows, if one came.
    pub(crate) fn rows(&self) -> Option<&[PastRow]> {
        self.listed.as_deref()
    }

    /// The chosen dictation's name, and its text once that came.
    pub(crate) fn chosen(&self) -> Option<(&str, Option<&str>)> {
        self.chosen.as_ref().map(|(id, text)| (id.as_str(), text.as_deref()))
    }

    /// Lists what the field says; while a list is on its way, after that.
    pub(crate) fn list(&mut self) {
        if !self.listing {
            self.listing = true;
            self.asks.push(PastAsk::List { search: self.search.clone() });
        }
    }

    pub(crate) fn choose(&mut self, id: &str) {
        self.sure = false;
        self.chosen = Some((id.to_owned(), None));
        self.asks.push(PastAsk::Read { id: id.to_owned() });
    }

    pub(crate) fn export(&mut self, format: &'static str) {
        if let Some((id, _)) = &self.chosen {
            self.asks.push(PastAsk::Export { id: id.clone(), format });
        }
    }

    /// Deletes the chosen dictation when it is called a second time.
    pub(crate) fn delete(&mut self) {
        if !std::mem::replace(&mut self.sure, true) {
            return;
        }
        self.sure = false;
        if let Some((id, _)) = self.chosen.take() {
            if let Some(rows) = &mut self.listed {
                rows.retain(|row| row.id != id);
            }
            self.asks.push(PastAsk::Delete { id });
            self.list();
        }
    }

    pub(crate) fn take_asks(&mut self) -> Vec<PastAsk> {
        std::mem::take(&mut self.asks)
    }

    /// Takes a list or a text in. What is to be said comes back.
    pub(crate) fn hear(&mut self, told: PastTold) -> Option<Result<String, String>> {
        match told {
            PastTold::List { search, rows } => {
                self.listing = false;
                self.listed = Some(rows);
                if search != self.search {
                    self.list();
                }
                None
            }
            PastTold::Text { id, text } => {
                // Another one may have been chosen meanwhile.
                if let Some((_, waiting)) = self.chosen.as_mut().filter(|(chosen, _)| *chosen == id) {
                    *waiting = Some(text);
                }
                None
            }
            PastTold::Said(text) => Some(Ok(text)),
            PastTold::Failed(text) => {
                // It may have been about the list.
                self.listing = false;
                Some(Err(text))
            }
        }
    }
}
