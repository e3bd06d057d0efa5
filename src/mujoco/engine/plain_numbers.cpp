// The global C++ locale for all threads, uselocale() for this one.
#include "mujoco/engine/plain_numbers.hpp"

#include <clocale>
#include <locale>
#include <mutex>
#include <string>

#include "mbrl/core/error.hpp"

namespace mbrl::mujoco {
namespace {

struct Replacement {
  std::mutex mutex;
  int users = 0;
  std::locale before, plain;  // what was global, and what is while there are users
};
Replacement& replacement() {
  static Replacement one;
  return one;
}

// A facet that a program may have put in the place of the standard ones changes how numbers are read, too.
bool is_plain(const std::locale& locale) {
  const auto same = [&]<class Facet>(const Facet*) {
    return &std::use_facet<Facet>(locale) == &std::use_facet<Facet>(std::locale::classic());
  };
  return same(static_cast<const std::numpunct<char>*>(nullptr)) &&
         same(static_cast<const std::num_get<char>*>(nullptr)) &&
         same(static_cast<const std::num_put<char>*>(nullptr));
}

bool begin_plain() {
  Replacement& r = replacement();
  const std::lock_guard lock(r.mutex);
  if (r.users == 0) {
    r.before = std::locale();
    if (is_plain(r.before)) return false;
    // With a facet of its own the locale has no name, so that global() leaves the C locale alone.
    r.plain = std::locale(std::locale(r.before, std::locale::classic(), std::locale::numeric),
                          new std::numpunct<char>);
    std::locale::global(r.plain);
  }
  ++r.users;
  return true;
}

void end_plain() {
  Replacement& r = replacement();
  const std::lock_guard lock(r.mutex);
  if (--r.users > 0 || std::locale() != r.plain) return;
  // A locale with a name takes the C locale along, which the program may have set otherwise.
  const char* c_locale = std::setlocale(LC_ALL, nullptr);
  const std::string name = c_locale ? c_locale : "C";
  std::locale::global(r.before);
  const char* now = std::setlocale(LC_ALL, nullptr);
  if (!now || name != now) std::setlocale(LC_ALL, name.c_str());
}

// Never freed: threads may use it until the program ends.
locale_t plain_c_locale() {
  static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
  require(plain != nullptr, "MuJoCo: no memory for the C locale");
  return plain;
}

}  // namespace

PlainNumbers::PlainNumbers() : before_(::uselocale(plain_c_locale())), counted_(begin_plain()) {}

PlainNumbers::~PlainNumbers() {
  if (counted_) end_plain();
  ::uselocale(before_);
}

}  // namespace mbrl::mujoco
