//! Text against text: what was spoken and what was written.

/// Lower case, without punctuation but for apostrophes.
pub(crate) fn plain_words(text: &str) -> Vec<String> {
    let kept = |c: char| if c.is_alphanumeric() || c == '\'' { c } else { ' ' };
    text.to_lowercase().chars().map(kept).collect::<String>().split_whitespace().map(str::to_owned).collect()
}

/// Wrong, missing and additional words (Levenshtein) of `heard` against `spoken`.
pub(crate) fn word_errors(spoken: &str, heard: &str) -> usize {
    let (spoken, heard) = (plain_words(spoken), plain_words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, said) in spoken.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, word) in heard.iter().enumerate() {
            let best = (diagonal + usize::from(said != word)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[heard.len()]
}
