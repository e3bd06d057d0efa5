// What the library writes and reads does not depend on the program's locale.
#include <cstdio>
#include <sstream>

#include "catch.hpp"
#include "core/comma_locale.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/io/csv.hpp"

using namespace mbrl;

TEST_CASE("errors, tables and texts hold plain numbers under a comma locale", "[locale]") {
  const CommaLocale comma;
  std::ostringstream check;
  check << 1234.5;
  REQUIRE(check.str() == "1.234,5");  // the locale is what it says

  const Vecd row = Vecd::Constant(2, 1234.5);
  CHECK(error_of([&] { fail("x is ", 1234.5, ", expected ", 1000000, " ", row.transpose()); }) ==
        "x is 1234.5, expected 1000000 1234.5 1234.5");
  CHECK(csv_text({"a"}, {{1234.5}}) == "a\n1234.5\n");
  CHECK(parse_csv("a\n1234.5\n", "text").at(0, 0) == 1234.5);
  CHECK(fixed(1234.5678, 2) == "1234.57");
  CHECK(general(1.5e-7, 3) == "1.5e-07");
  CHECK(shortest(1234.5) == "1234.5");
}

TEST_CASE("fixed and general write what printf writes", "[text]") {
  for (const double value : {0.0, -0.0, 0.05, 1.0 / 3, -2.5, 99.995, 123456.789, 1e300, 5e-324, 1e-5}) {
    for (const int digits : {1, 2, 3, 6, 17}) {
      char text[400];
      std::snprintf(text, sizeof text, "%.*f", digits, value);
      CHECK(fixed(value, digits) == text);
      std::snprintf(text, sizeof text, "%.*g", digits, value);
      CHECK(general(value, digits) == text);
    }
  }
  CHECK(fixed(-1.797e308, 700).size() == 1 + 309 + 1 + 700);
}
