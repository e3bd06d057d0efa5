// User mistakes: one exception type whose message says what was given, what was expected, and where.
#pragma once

#include <cstring>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mbrl {

/// Thrown for anything a user can put right: a wrong dimension, an unknown key, a truncated file.
/// Broken invariants of the library assert instead; a rejected line-search step is a return value.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {
// The parts one after the other, numbers written plainly (1234.5) whatever the program's locale.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  (out << ... << parts);
  return out.str();
}
}  // namespace detail

/// Throws mbrl::Error with the parts of the message written one after the other.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(detail::concat(parts...));
}

/// Throws unless `ok`; the parts are only formatted on failure.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(parts...);
}

/// Throws unless a call of the system succeeded: `error` is errno as the call left it, 0 for success. It is an
/// argument of its own because a message's parts may be evaluated before the call is. The reason ends the
/// message:
///   const int error = ::rename(from, to) == 0 ? 0 : errno;
///   require_system(error, "file '", to, "' cannot be written");   // "...: Permission denied"
template <class... Parts>
void require_system(int error, const Parts&... parts) {
  if (error != 0) [[unlikely]]
    fail(parts..., ": ", std::strerror(error));
}

/// "planner: action has 3 rows, expected 6": the one wording for every dimension mismatch.
template <class Given, class Expected>
void require_dim(std::string_view where, std::string_view what, Given given, Expected expected) {
  require(static_cast<long long>(given) == static_cast<long long>(expected), where, ": ", what,
          " has dimension ", given, ", expected ", expected);
}

}  // namespace mbrl
