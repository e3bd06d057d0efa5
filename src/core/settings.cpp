// Parsing and printing of settings; JSON stays in this file.
#include "mbrl/core/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl::detail {
namespace {

using nlohmann::json;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

// "a whole number": what a member of this type can be.
template <class T>
std::string expected_of(const T*) {
  if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_unsigned_v<T>)
    return "a whole number >= 0";
  else if constexpr (std::is_integral_v<T>)
    return "a whole number";
  else if constexpr (std::is_floating_point_v<T>)
    return "a number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "a text";
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return "a list of texts";
  else if constexpr (std::is_same_v<T, std::vector<int>>)
    return "a list of whole numbers";
  else
    return "a list of numbers";
}
std::string expected_of(const EnumSetting& choice) {
  std::string text = "one of ";
  for (std::size_t i = 0; i < choice.names.size(); ++i) text += (i ? ", " : "") + choice.names[i];
  return text;
}
std::string expected_of(const SettingField& field) {
  return std::visit([](const auto& value) { return expected_of(value); }, field.value);
}

// Values from text; false if the text does not fit.
template <class T>
bool parse(std::string_view text, T& out) {
  text = trim(text);
  if constexpr (std::is_same_v<T, bool>) {
    const std::string word = lower(text);
    out = word == "true" || word == "1" || word == "on" || word == "yes";
    return out || word == "false" || word == "0" || word == "off" || word == "no";
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
  } else if constexpr (IsVector<T>::value) {
    // An empty text is more likely a slip than an empty list, which is "[]".
    const bool open = text.starts_with('['), close = text.ends_with(']') && text.size() > 1;
    if (open != close || text.empty()) return false;
    if (open) text = trim(text.substr(1, text.size() - 2));
    out.clear();
    if (text.empty()) return true;
    for (;;) {
      const std::size_t comma = text.find(',');
      typename T::value_type item;
      if (!parse(text.substr(0, comma), item)) return false;
      out.push_back(std::move(item));
      if (comma == std::string_view::npos) return true;
      text.remove_prefix(comma + 1);
    }
  } else {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    out = std::string(text);
    return true;
  }
}

bool choose(const EnumSetting& choice, std::string_view text) {
  for (std::size_t i = 0; i < choice.names.size(); ++i)
    if (lower(choice.names[i]) == lower(trim(text))) {
      choice.set(i);
      return true;
    }
  return false;
}

// Values from JSON; false if the type or range does not fit. Floats that JSON cannot hold are the texts nan,
// inf, -inf.
template <class T>
bool convert(const json& value, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) return false;
    out = value.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (!std::in_range<T>(number)) return false;
      out = static_cast<T>(number);
    } else {
      if (!value.is_number_integer() || !std::in_range<T>(value.get<std::int64_t>())) return false;
      out = static_cast<T>(value.get<std::int64_t>());
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value.is_string()) return parse(value.get_ref<const std::string&>(), out) && !std::isfinite(out);
    if (!value.is_number()) return false;
    const auto number = value.get<double>();
    out = static_cast<T>(number);
    if (!std::isfinite(out)) return false;
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_array()) return false;
    out.assign(value.size(), {});
    for (std::size_t i = 0; i < value.size(); ++i)
      if (!convert(value[i], out[i])) return false;
  } else {
    if (!value.is_string()) return false;
    out = value.get<std::string>();
  }
  return true;
}

std::string quote(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

// JSON text of a value, floats by the shortest decimal that reads back to the same bits.
template <class T>
std::string to_json(const T* value) {
  if constexpr (std::is_same_v<T, bool>)
    return *value ? "true" : "false";
  else if constexpr (std::is_floating_point_v<T>) {
    const std::string text = shortest(*value);
    if (text == "-0") return "-0.0";  // a JSON reader takes -0 for a whole number, which has no sign
    return std::isfinite(*value) ? text : quote(text);
  } else if constexpr (std::is_arithmetic_v<T>)
    return std::to_string(*value);
  else if constexpr (IsVector<T>::value) {
    std::string text = "[";
    for (const auto& item : *value) text += (text.size() > 1 ? ", " : "") + to_json(&item);
    return text + "]";
  } else
    return quote(*value);
}
std::string name_of(const EnumSetting& choice) {
  const std::size_t i = choice.get();
  require(i < choice.names.size(), "settings: an enum holds a value that has no name");
  return choice.names[i];
}
std::string to_json(const EnumSetting& choice) { return quote(name_of(choice)); }

// The same for an error message, where a number out of range should not be told to be a number.
std::string wanted(const SettingField& field) {
  std::string text = expected_of(field);
  if (std::holds_alternative<int*>(field.value))
    text +=
        detail::concat(" from ", std::numeric_limits<int>::min(), " to ", std::numeric_limits<int>::max());
  if (text.starts_with("a list of ")) text += ", e.g. 1,2 or [1, 2]; [] is an empty one";
  if (std::holds_alternative<unsigned*>(field.value))
    text += detail::concat(" up to ", std::numeric_limits<unsigned>::max());
  return text;
}

SettingField& known_field(std::vector<SettingField>& fields, std::string_view key, std::string_view where) {
  if (SettingField* field = find_field(fields, key)) return *field;
  std::vector<std::string> known;
  known.reserve(fields.size());
  for (const SettingField& field : fields) known.push_back(field.key);
  fail(where, ": unknown key '", key, "'", did_you_mean(key, known));
}

// Depth-first over the JSON object, joining keys by dots.
void load_object(std::vector<SettingField>& fields, const json& object, const std::string& prefix,
                 std::string_view where) {
  for (const auto& [name, value] : object.items()) {
    const std::string key = prefix + name;
    const bool group = std::any_of(fields.begin(), fields.end(),
                                   [&](const SettingField& f) { return f.key.starts_with(key + "."); });
    if (group) {
      require(value.is_object(), where, ": '", key, "' is ", value.dump(),
              ", expected an object with its own keys");
      load_object(fields, value, key + ".", where);
      continue;
    }
    SettingField& field = known_field(fields, key, where);
    const bool fits = std::visit(
        [&value = value](auto& target) {  // a binding cannot be captured by name before clang 16
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(target)>, EnumSetting>)
            return value.is_string() && choose(target, value.get_ref<const std::string&>());
          else
            return convert(value, *target);
        },
        field.value);
    require(fits, where, ": '", key, "' is ", value.dump(), ", expected ", wanted(field));
  }
}

}  // namespace

void set_field(std::vector<SettingField>& fields, std::string_view key, std::string_view value,
               std::string_view where) {
  SettingField& field = known_field(fields, trim(key), where);
  const bool fits = std::visit(
      [&](auto& target) {
        using Target = std::remove_cvref_t<decltype(target)>;
        if constexpr (std::is_same_v<Target, EnumSetting>) {
          return choose(target, value);
        } else {
          std::remove_pointer_t<Target> parsed{};
          if (!parse(value, parsed)) return false;
          *target = std::move(parsed);
          return true;
        }
      },
      field.value);
  require(fits, where, ": '", field.key, "' is '", value, "', expected ", wanted(field));
}

void load_fields(std::vector<SettingField>& fields, std::string_view text, std::string_view where) {
  // nlohmann's parser lets a later key replace an earlier one; a setting given twice is more likely a
  // mistake.
  std::vector<std::set<std::string>> seen;
  std::string twice;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) seen.emplace_back();
    if (event == json::parse_event_t::object_end) seen.pop_back();
    if (event == json::parse_event_t::key && !seen.back().insert(parsed.get<std::string>()).second &&
        twice.empty())
      twice = parsed.get<std::string>();
    return true;
  };
  json object;
  try {
    object = json::parse(text, watch, true, true);
  } catch (const json::parse_error& error) {
    const std::size_t at = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    fail(where, ": line ", line, " is not valid JSON");
  } catch (const json::out_of_range& error) {
    // The only one that parsing throws: a number beyond double's range, quoted at the end of its message.
    const std::string message = error.what();
    const std::size_t from = message.find('\'');
    const std::string number =
        from == std::string::npos ? "" : message.substr(from + 1, message.rfind('\'') - from - 1);
    const auto at = std::min(text.find(number), text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    fail(where, ": line ", line, " holds ", number, ", which is beyond the range of numbers (1.8e308)");
  }
  require(twice.empty(), where, ": key '", twice, "' is given twice");
  require(object.is_object(), where, ": expected a JSON object, e.g. {\"horizon\": 20}");
  load_object(fields, object, "", where);
}

std::string fields_to_json(const std::vector<SettingField>& fields) {
  std::string text = "{";
  std::vector<std::string> open;  // names of the objects we are in
  bool first = true;
  const auto newline = [&] { text += "\n" + std::string(2 * (open.size() + 1), ' '); };
  for (const SettingField& field : fields) {
    std::vector<std::string> path;
    std::string_view rest = field.key;
    for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos; rest.remove_prefix(dot + 1))
      path.emplace_back(rest.substr(0, dot));
    std::size_t common = 0;
    while (common < open.size() && common < path.size() && open[common] == path[common]) ++common;
    while (open.size() > common) {
      open.pop_back();
      newline();
      text += "}";
    }
    if (!first) text += ",";
    while (open.size() < path.size()) {
      newline();
      text += quote(path[open.size()]) + ": {";
      open.push_back(path[open.size()]);
    }
    newline();
    text += quote(std::string(rest)) + ": " +
            std::visit([](const auto& value) { return to_json(value); }, field.value);
    first = false;
  }
  while (!open.empty()) {
    open.pop_back();
    newline();
    text += "}";
  }
  return text + (first ? "}\n" : "\n}\n");
}

std::vector<SettingInfo> describe_fields(const std::vector<SettingField>& fields) {
  std::vector<SettingInfo> out;
  for (const SettingField& field : fields) {
    std::string value = std::visit(
        [](const auto& v) -> std::string {
          using V = std::remove_cvref_t<decltype(v)>;
          if constexpr (std::is_same_v<V, EnumSetting>)
            return name_of(v);
          else if constexpr (std::is_same_v<V, std::string*>)
            return *v;
          else if constexpr (std::is_same_v<V, float*> || std::is_same_v<V, double*>)
            return shortest(*v);
          else
            return to_json(v);
        },
        field.value);
    out.push_back({field.key, std::move(value), expected_of(field), field.help});
  }
  return out;
}

std::pair<std::string, std::string> split_assignment(std::string_view assignment, std::string_view where) {
  const std::size_t equals = assignment.find('=');
  require(equals != std::string_view::npos && equals > 0, where, ": '", assignment,
          "' given, expected key=value");
  return {std::string(trim(assignment.substr(0, equals))), std::string(assignment.substr(equals + 1))};
}

}  // namespace mbrl::detail
