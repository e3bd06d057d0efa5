#include "mbrl/run/configuration.hpp"

#include <nlohmann/json.hpp>

namespace mbrl {

std::string json_text_at(const std::string& text, const std::string& key, const std::string& where) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, false, true);
  // The reader of settings says which line is wrong; here it only matters what the key holds.
  if (!object.is_object() || !object.contains(key)) return "";
  require(object[key].is_string(), where, ": '", key, "' is ", object[key].dump(), ", expected a text");
  return object[key].get<std::string>();
}

}  // namespace mbrl
