// Enums with names: one list per enum, next to it, by which it is printed, read from text and listed in help.
#pragma once

#include <array>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace mbrl {

/// An enum E with a function `constexpr auto enum_names(E)` in its namespace that gives an array of
/// (value, name) pairs.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { enum_names(e).begin()->second; };

/// The value's name; "unnamed value 7" for a number that has none.
template <NamedEnum E>
std::string to_string(E value) {
  for (const auto& [known, name] : enum_names(value))
    if (known == value) return name;
  return "unnamed value " + std::to_string(static_cast<long long>(value));
}

template <NamedEnum E>
std::ostream& operator<<(std::ostream& out, E value) {
  return out << to_string(value);
}

}  // namespace mbrl
