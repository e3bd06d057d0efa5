// Small helpers for reading and writing text: trimming, numbers that read back exactly, and "did you mean".
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mbrl {

/// Without blanks at both ends.
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);

/// The shortest decimal that reads back to the same bits, e.g. "0.1"; "nan", "inf", "-inf".
std::string shortest(double value);
std::string shortest(float value);

/// As printf's %.*f and %.*g would write it in the C locale, whatever the program's: "0.50", "1.5e-07".
std::string fixed(double value, int decimals);
std::string general(double value, int digits);

/// ", did you mean 'horizon'?" for the known words that contain the given one (of three letters or more; in
/// any case), else for the nearest one if there is one near, else ", expected one of ..." or, of many, their
/// number; for the end of an error message about an unknown word. A word that names the last part of a dotted
/// key is near ("horizon" to "rollout.horizon").
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace mbrl
