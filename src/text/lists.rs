//! Filler words and spoken commands by language.

use crate::text::Language;

/// Sounds of hesitation; no word that also means something in the language.
pub(super) fn fillers(language: Language) -> &'static [&'static str] {
    match language {
        Language::En => &["uh", "uhh", "um", "umm", "uhm", "er", "erm", "hmm", "mhm", "mm"],
        Language::De => &["äh", "ähm", "öh", "öhm", "hm", "hmm", "ähh", "mhm"],
        Language::Fr => &["euh", "heu", "hum", "hmm", "mmh"],
        Language::Es => &["eh", "ehm", "em", "mmm", "hmm"],
    }
}

/// Commands as spoken and as written.
pub(super) fn commands(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::En => &[
            ("comma", ","),
            ("full stop", "."),
            ("period", "."),
            ("question mark", "?"),
            ("exclamation mark", "!"),
            ("exclamation point", "!"),
            ("colon", ":"),
            ("semicolon", ";"),
            ("new line", "\n"),
            ("new paragraph", "\n\n"),
        ],
        Language::De => &[
            ("komma", ","),
            ("punkt", "."),
            ("fragezeichen", "?"),
            ("ausrufezeichen", "!"),
            ("doppelpunkt", ":"),
            ("semikolon", ";"),
            ("neue zeile", "\n"),
            ("neuer absatz", "\n\n"),
        ],
        Language::Fr => &[
            ("virgule", ","),
            ("point", "."),
            ("point d'interrogation", " ?"),
            ("point d'exclamation", " !"),
            ("deux points", " :"),
            ("point-virgule", " ;"),
            ("à la ligne", "\n"),
            ("nouveau paragraphe", "\n\n"),
        ],
        Language::Es => &[
            ("coma", ","),
            ("punto", "."),
            ("signo de interrogación", "?"),
            ("signo de exclamación", "!"),
            ("dos puntos", ":"),
            ("punto y coma", ";"),
            ("nueva línea", "\n"),
            ("nuevo párrafo", "\n\n"),
        ],
    }
}
