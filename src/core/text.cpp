// Text helpers.
#include "mbrl/core/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace mbrl {
namespace {

template <class T>
std::string shortest_of(T value) {
  if (std::isnan(value)) return "nan";  // without the sign that to_chars would print
  std::array<char, 64> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

// Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

// Edits at most between a word and what it may have been meant for.
std::size_t farthest(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  return std::max(std::min<std::size_t>(2, shorter / 2),
                  shorter / 3);  // of three letters two are another word
}

std::string_view last_part(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string shortest(double value) { return shortest_of(value); }
std::string shortest(float value) { return shortest_of(value); }

std::string fixed(double value, int decimals) {
  std::array<char, 1100> buffer;  // 309 digits, a point, and up to 750 decimals
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::fixed, std::clamp(decimals, 0, 750));
  return {buffer.data(), result.ptr};
}

std::string general(double value, int digits) {
  std::array<char, 800> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::general, std::clamp(digits, 1, 750));
  return {buffer.data(), result.ptr};
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  const std::string given = lower(word);
  std::vector<std::pair<std::size_t, const std::string*>> containing;  // distance and word
  std::size_t best = 0;
  const std::string* nearest = nullptr;
  for (const std::string& candidate : known) {
    const std::string key = lower(candidate);
    std::size_t distance = edit_distance(given, key);
    if (last_part(key).size() < key.size()) {
      const std::size_t apart = edit_distance(last_part(given), last_part(key));
      // One more than the same mistake in a full key; the keys' length does not make two short words alike.
      if (apart <= farthest(last_part(given), last_part(key))) distance = std::min(distance, 1 + apart);
    }
    if (!nearest || distance < best) {
      best = distance;
      nearest = &candidate;
    }
    if (given.size() >= 3 && key.find(given) != std::string::npos)
      containing.emplace_back(distance, &candidate);
  }
  constexpr std::size_t kMostContaining = 8, kMostListed = 12;
  if (containing.size() > 1) {
    std::stable_sort(containing.begin(), containing.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string list;
    const std::size_t shown = std::min(containing.size(), kMostContaining);
    for (std::size_t i = 0; i < shown; ++i)
      list += std::string(i == 0                      ? ""
                          : i + 1 < containing.size() ? ", "
                                                      : " or ") +
              "'" + *containing[i].second + "'";
    if (shown < containing.size())
      list += " or one of " + std::to_string(containing.size() - shown) + " others";
    return ", did you mean " + list + "?";
  }
  if (containing.size() == 1) nearest = containing.front().second;
  if (nearest && (!containing.empty() || best <= farthest(given, *nearest)))
    return ", did you mean '" + *nearest + "'?";
  if (known.size() > kMostListed) return ", which is none of the " + std::to_string(known.size()) + " known";
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  return ", expected one of " + list;
}

}  // namespace mbrl
