//! Where the program shows itself besides its window, as the settings file has it.

use serde::{Deserialize, Serialize};

/// Makes an enum whose values are words of the file: the values, their names, and the way from one to the other.
macro_rules! words {
    ($name:ident, $count:literal, [$($value:ident = $word:literal),+]) => {
        impl $name {
            /// All of them.
            pub const ALL: [Self; $count] = [$(Self::$value),+];
            /// Their names in the file, in the same order.
            pub const NAMES: [&'static str; $count] = [$($word),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

/// When the small window on top of all others is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayWhen {
    /// Never.
    Never,
    /// While dictation runs and the program's window does not have the focus.
    #[default]
    Dictating,
    /// As long as the program runs.
    Always,
}

words!(OverlayWhen, 3, [Never = "never", Dictating = "dictating", Always = "always"]);

/// Where on the screen it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayPlace {
    /// In the middle of the lower edge.
    #[default]
    Bottom,
    /// In the middle of the upper edge.
    Top,
    /// In a corner.
    BottomLeft,
    /// In a corner.
    BottomRight,
    /// In a corner.
    TopLeft,
    /// In a corner.
    TopRight,
}

words!(
    OverlayPlace,
    6,
    [
        Bottom = "bottom",
        Top = "top",
        BottomLeft = "bottom-left",
        BottomRight = "bottom-right",
        TopLeft = "top-left",
        TopRight = "top-right"
    ]
);

/// Settings of the window and of what stands for it elsewhere on the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each thing")]
pub struct WindowSettings {
    /// When the small window on top of all others is shown.
    pub overlay: OverlayWhen,
    /// Where.
    pub overlay_place: OverlayPlace,
    /// The window starts minimised.
    pub start_minimised: bool,
    /// An icon in the desktop's tray, where there is one.
    pub tray: bool,
    /// Closing the window hides it while that icon is there; the icon's menu ends the program.
    pub close_to_tray: bool,
    /// Short sounds when dictation starts, ends and fails.
    pub sounds: bool,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self {
            overlay: OverlayWhen::default(),
            overlay_place: OverlayPlace::default(),
            start_minimised: false,
            tray: true,
            close_to_tray: false,
            sounds: false,
        }
    }
}
