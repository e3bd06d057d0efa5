// Safetensors: a file laid out by hand, round trips, and every way a file can be broken.
#include "mbrl/io/safetensors.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"

using namespace mbrl;

namespace {

// A file of the format made without our writer.
std::string layout(const std::string& header, const std::string& data) {
  std::string out(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  return out + header + data;
}

std::string load_error(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "broken.safetensors", bytes);
  const std::string message = error_of([&] { load_safetensors(folder / "broken.safetensors"); });
  CHECK(contains(message, (folder / "broken.safetensors").string()));
  return message;
}

StateDict example() {
  StateDict state;
  state.put("layer.weight", std::vector<float>{1.5f, -2, std::numeric_limits<float>::denorm_min()}.data(),
            {3, 1});
  state.put("doubles", std::vector<double>{0.1, std::nan(""), -std::numeric_limits<double>::infinity()});
  state.put("bytes", std::vector<std::uint8_t>{1, 2, 3});
  state.put("counts", std::vector<std::int64_t>{-5, 5});
  state.put_scalar("seed", std::numeric_limits<std::uint64_t>::max());
  state.put("empty", std::vector<float>{});
  state.put_matrix("matrix", (Batchf(2, 3) << 1, 2, 3, 4, 5, 6).finished());
  state.metadata = {{"format", "mbrl"}, {"settings", "{\"a\": \"\xC3\xA4\"}"}};
  return state;
}

}  // namespace

TEST_CASE("a file laid out by hand is read", "[safetensors]") {
  const TemporaryFolder folder;
  const float values[] = {1.0f, 2.5f};
  std::string data(reinterpret_cast<const char*>(values), 8);
  data += "\x07";
  write_file_atomically(folder / "a",
                        layout(R"({"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]},"a":{"dtype":"F32",)"
                               R"("shape":[1,2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}}   )",
                               data));
  const StateDict state = load_safetensors(folder / "a");
  CHECK(state.get<float>("a") == std::vector<float>{1.0f, 2.5f});
  CHECK(state.arrays.at("a").shape == std::vector<std::int64_t>{1, 2});
  CHECK(state.get_scalar<std::uint8_t>("b") == 7);
  CHECK(state.metadata.at("k") == "v");
}

TEST_CASE("what is saved is loaded, bit for bit", "[safetensors]") {
  const TemporaryFolder folder;
  const StateDict state = example();
  save_safetensors(folder / "a", state);
  const StateDict back = load_safetensors(folder / "a");
  CHECK(back.metadata == state.metadata);
  REQUIRE(back.arrays.size() == state.arrays.size());
  for (const auto& [name, array] : state.arrays) {
    CHECK(back.arrays.at(name).dtype == array.dtype);
    CHECK(back.arrays.at(name).shape == array.shape);
    CHECK(back.arrays.at(name).bytes == array.bytes);
  }
  CHECK(back.get_matrix<float>("matrix") == (Batchf(2, 3) << 1, 2, 3, 4, 5, 6).finished());
  CHECK(back.arrays.at("matrix").shape == std::vector<std::int64_t>{3, 2});
  save_safetensors(folder / "b", back);  // and the same state is the same file
  CHECK(read_file(folder / "a") == read_file(folder / "b"));

  save_safetensors(folder / "c", StateDict());
  CHECK(load_safetensors(folder / "c").arrays.empty());
}

TEST_CASE("the header ends at a multiple of 8 and every array is aligned", "[safetensors]") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", example());
  const std::string bytes = read_file(folder / "a");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  CHECK(contains(bytes,
                 "\"doubles\":{\"data_offsets\":[16,40]"));  // doubles and int64 before floats before bytes
}

TEST_CASE("truncated files are refused wherever they are cut", "[safetensors]") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", example());
  const std::string bytes = read_file(folder / "a");
  for (std::size_t n = 0; n < bytes.size(); n += (n < 16 ? 1 : 7))
    CHECK(contains(load_error(bytes.substr(0, n)), "truncated"));
  CHECK(contains(load_error(bytes.substr(0, bytes.size() - 1)), "truncated"));
  CHECK(contains(load_error(bytes + "x"), "1 bytes after its last array"));
}

TEST_CASE("foreign and damaged files are refused", "[safetensors]") {
  CHECK(contains(load_error("PK\x03\x04 this is some other kind of file, a zip perhaps"),
                 "no safetensors file"));
  CHECK(contains(load_error(layout("[1, 2, 3]", "")), "no safetensors file"));
  CHECK(contains(load_error(layout("{\"a\": nonsense}", "")), "not valid JSON"));
  CHECK(contains(load_error(layout("{}", "").replace(0, 8, std::string(8, '\xff'))), "no safetensors file"));
  const auto entry = [](const std::string& e) { return load_error(layout("{\"a\":" + e + "}", "12345678")); };
  CHECK(contains(entry(R"({"dtype":"BF16","shape":[4],"data_offsets":[0,8]})"), "dtype BF16, expected F32"));
  CHECK(contains(entry(R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})"), "dtype that is not a string"));
  CHECK(contains(entry(R"({"dtype":"F32","data_offsets":[0,8]})"), "lacks dtype, shape or data_offsets"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
                 "takes 8 bytes, its shape needs 12"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "not a whole number"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":"2","data_offsets":[0,8]})"), "not a list"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]})"),
                 "too large"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "ends before it begins"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), "not two whole numbers"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), "overlap or leave a gap"));
  CHECK(contains(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,16]})"), "truncated"));
  CHECK(contains(entry("3"), "lacks dtype"));
  CHECK(contains(load_error(layout(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                   R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                   "12345678")),
                 "overlap"));
  CHECK(contains(load_error(layout(R"({"__metadata__":{"a":1}})", "")), "is not a string"));
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { load_safetensors(folder / "none"); }), "No such file"));
  CHECK(contains(error_of([&] { load_safetensors(folder.path()); }), "is a folder"));
}

TEST_CASE("a failed save leaves the old checkpoint", "[safetensors]") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", example());
  StateDict broken = example();
  broken.arrays["layer.weight"].shape = {7};
  CHECK_THROWS_AS(save_safetensors(folder / "a", broken), Error);
  broken = example();
  broken.metadata["bad"] = "\xff";
  CHECK_THROWS_AS(save_safetensors(folder / "a", broken), Error);
  broken = example();
  broken.put_scalar("__metadata__", 1.0);
  CHECK_THROWS_AS(save_safetensors(folder / "a", broken), Error);
  CHECK(load_safetensors(folder / "a").arrays.size() == example().arrays.size());
  CHECK(folder.files() == 1);
}

TEST_CASE("a state's arrays are asked for by name, type and shape", "[state_dict]") {
  const StateDict state = example();
  CHECK(contains(error_of([&] { state.get<float>("none"); }), "no array named 'none'"));
  CHECK(contains(error_of([&] { state.get<double>("matrix"); }), "another type"));
  CHECK(contains(error_of([&] { state.get_scalar<double>("doubles"); }), "has 3 values, expected 1"));
  CHECK(contains(error_of([&] { state.get_matrix<double>("doubles"); }), "has 1 axes, expected 2"));
  CHECK(state.contains("empty"));
  CHECK(state.get<float>("empty").empty());
}
