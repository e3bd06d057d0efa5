// Settings structs by name: set from the command line, read from and written to JSON, listed for --help.
//
// A settings struct describes itself once:
//   template <class Self, class F> static void describe(Self& s, F&& field) { field("horizon", s.horizon, "steps"); }
// Members are bool, whole numbers, float, double, std::string, enums with enum_names, std::vector of int,
// float, double or std::string, and further settings structs (AnySettings among them), whose keys are written
// "outer.inner".
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mbrl/core/enum_names.hpp"

namespace mbrl {

namespace detail {
struct AnyField {
  template <class T>
  void operator()(const char*, T&, const char*) const {}
};
}  // namespace detail

template <class T>
concept Settings = std::is_class_v<T> && std::is_copy_constructible_v<T> && std::is_copy_assignable_v<T> &&
                   requires(T& settings, const detail::AnyField& field) { T::describe(settings, field); };

/// An enum member seen through its names.
struct EnumSetting {
  std::vector<std::string> names;
  std::function<std::size_t()> get;  // index of the present value in names
  std::function<void(std::size_t)> set;
};

/// One member of a settings struct, by its dotted key.
struct SettingField {
  using Value = std::variant<bool*, int*, unsigned*, std::int64_t*, std::uint64_t*, float*, double*,
                             std::string*, std::vector<int>*, std::vector<float>*, std::vector<double>*,
                             std::vector<std::string>*, EnumSetting>;
  std::string key;
  std::string help;
  Value value;
};

/// One line of --help.
struct SettingInfo {
  std::string key;
  std::string value;     // default, as text that set_value accepts
  std::string expected;  // e.g. "a whole number", "one of E, DS, MM, TS1, TSinf"
  std::string help;
};

namespace detail {
template <class>
inline constexpr bool kUnsupportedSetting = false;

template <class T>
void collect_fields(T& settings, const std::string& prefix, std::vector<SettingField>& out) {
  T::describe(settings, [&](const char* name, auto& member, const char* help) {
    using M = std::remove_reference_t<decltype(member)>;
    const std::string key = prefix + name;
    if constexpr (Settings<M>) {
      collect_fields(member, key + ".", out);
    } else if constexpr (requires { member.append_fields(key, out); }) {
      member.append_fields(*name == '\0' ? prefix : key + ".", out);
    } else if constexpr (NamedEnum<M>) {
      EnumSetting choice;
      for (const auto& entry : enum_names(M{})) choice.names.emplace_back(entry.second);
      choice.get = [&member] {
        std::size_t i = 0;
        for (const auto& entry : enum_names(M{})) {
          if (entry.first == member) break;
          ++i;
        }
        return i;
      };
      choice.set = [&member](std::size_t i) {
        member = (enum_names(M{}).begin() + static_cast<std::ptrdiff_t>(i))->first;
      };
      out.push_back({key, help, std::move(choice)});
    } else if constexpr (std::is_constructible_v<SettingField::Value, M*>) {
      out.push_back({key, help, &member});
    } else {
      static_assert(
          kUnsupportedSetting<M>,
          "a settings member is bool, int, unsigned, int64, uint64, float, double, std::string, a "
          "std::vector "
          "of int, float, double or std::string, an enum with enum_names, or a struct with describe");
    }
  });
}

void set_field(std::vector<SettingField>& fields, std::string_view key, std::string_view value,
               std::string_view where);
void load_fields(std::vector<SettingField>& fields, std::string_view json, std::string_view where);
std::string fields_to_json(const std::vector<SettingField>& fields);
std::vector<SettingInfo> describe_fields(const std::vector<SettingField>& fields);
std::pair<std::string, std::string> split_assignment(std::string_view assignment, std::string_view where);
}  // namespace detail

/// Every member, nested ones included, in the order of description. The fields point into `settings`.
template <Settings T>
std::vector<SettingField> setting_fields(T& settings) {
  std::vector<SettingField> fields;
  detail::collect_fields(settings, "", fields);
  return fields;
}

/// The field of this key; null if there is none.
inline SettingField* find_field(std::vector<SettingField>& fields, std::string_view key) {
  const auto found = std::ranges::find(fields, key, &SettingField::key);
  return found == fields.end() ? nullptr : &*found;
}

/// Sets one member from text: numbers, true/false (also on/off, yes/no, 1/0), enum names in any case, lists as
/// "[200, 200]" or "200,200". Throws mbrl::Error naming `where`, the key, the value given and what is
/// expected; for an unknown key, the nearest known one.
template <Settings T>
void set_value(T& settings, std::string_view key, std::string_view value,
               std::string_view where = "settings") {
  auto fields = setting_fields(settings);
  detail::set_field(fields, key, value, where);
}

/// The same for "key=value", as given to --set.
template <Settings T>
void set_assignment(T& settings, std::string_view assignment, std::string_view where = "--set") {
  const auto [key, value] = detail::split_assignment(assignment, where);
  set_value(settings, key, value, where);
}

/// Sets the members named in a JSON object (nested objects for nested structs; comments are allowed) and
/// leaves the others. Throws mbrl::Error naming `where` and the key if the text is no JSON, a key is unknown
/// or given twice, or a value is of another type; `settings` is then unchanged.
template <Settings T>
void load_json_text(T& settings, std::string_view text, std::string_view where) {
  T copy = settings;
  auto fields = setting_fields(copy);
  detail::load_fields(fields, text, where);
  settings = std::move(copy);
}

/// Indented JSON that load_json_text reads back to the same values, bit for bit.
template <Settings T>
std::string to_json_text(const T& settings) {
  T copy = settings;
  return detail::fields_to_json(setting_fields(copy));
}

/// Keys with their present values (of a default-made struct: the defaults) and help.
template <Settings T>
std::vector<SettingInfo> list_keys(const T& settings = T()) {
  T copy = settings;
  return detail::describe_fields(setting_fields(copy));
}

}  // namespace mbrl
