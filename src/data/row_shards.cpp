#include "mbrl/data/row_shards.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/io/safetensors.hpp"

namespace mbrl {
namespace {

const std::string kList = "shards:";  // + prefix: history, oldest row, then first and end of each file

std::size_t rows_of(const NamedArray& array) {
  return array.shape.empty() ? 0 : static_cast<std::size_t>(array.shape[0]);
}

void append(NamedArray& to, const NamedArray& from) {
  to.shape[0] += from.shape[0];
  to.bytes.insert(to.bytes.end(), from.bytes.begin(), from.bytes.end());
}

// Rows [first, first + count) alone.
NamedArray cut(const NamedArray& array, std::uint64_t first, std::uint64_t count) {
  const std::size_t n = rows_of(array), row = n == 0 ? 0 : array.bytes.size() / n;
  NamedArray out{array.dtype, array.shape, {}};
  out.shape[0] = static_cast<std::int64_t>(count);
  const auto begin = array.bytes.begin() + static_cast<std::ptrdiff_t>(first * row);
  out.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(count * row));
  return out;
}

}  // namespace

RowShards::RowShards(std::filesystem::path folder, std::uint64_t most_rows)
    : folder_(std::move(folder)), most_rows_(most_rows) {
  require(most_rows >= 1, "RowShards: most_rows is ", most_rows, ", expected at least 1");
}

std::filesystem::path RowShards::file(const std::string& prefix, std::uint64_t history,
                                      const Range& range) const {
  return folder_ / (prefix + std::to_string(history) + "-" + std::to_string(range.first) + "-" +
                    std::to_string(range.end) + ".safetensors");
}

StateDict RowShards::load(const std::string& prefix, std::uint64_t history, const Range& range) const {
  const std::filesystem::path path = file(prefix, history, range);
  StateDict shard = load_safetensors(path);
  for (const auto& [name, array] : shard.arrays)
    require(rows_of(array) == range.rows(), path.string(), ": '", name, "' has ", rows_of(array),
            " rows, expected ", range.rows());
  return shard;
}

void RowShards::announce(StateDict& state) const {
  for (const auto& [prefix, stored] : stored_)
    if (!stored.shards.empty())
      state.stored[prefix] = {stored.history,
                              stored.shards.front().first,
                              stored.shards.front().first,
                              stored.shards.back().end,
                              {}};
}

void RowShards::write(StateDict& state) {
  std::map<std::string, Stored> now;
  for (const auto& [prefix, rows] : state.appended) {
    Stored kept{rows.history, {}};
    if (const auto it = stored_.find(prefix); it != stored_.end() && it->second.history == rows.history)
      for (const Range& range : it->second.shards)
        if (range.end > rows.oldest) kept.shards.push_back(range);
    require(kept.shards.empty() ? rows.first == rows.oldest : rows.first == kept.shards.back().end,
            "RowShards: rows ", rows.first, " to ", rows.end, " of '", prefix,
            "' do not follow those that are stored");

    StateDict fresh;
    for (const std::string& name : rows.arrays) {
      fresh.arrays[name] = std::move(state.arrays.at(name));
      state.arrays.erase(name);
    }
    Range range{rows.first, rows.end};
    while (range.rows() > 0 && !kept.shards.empty() && kept.shards.back().rows() <= range.rows() &&
           kept.shards.back().rows() + range.rows() <= most_rows_) {
      StateDict before = load(prefix, rows.history, kept.shards.back());
      for (const std::string& name : rows.arrays) {
        require(before.contains(name), file(prefix, rows.history, kept.shards.back()).string(),
                " has no array named '", name, "'");
        append(before.arrays.at(name), fresh.arrays.at(name));
      }
      fresh = std::move(before);
      range.first = kept.shards.back().first;
      kept.shards.pop_back();
    }
    if (range.rows() > 0) std::filesystem::create_directories(folder_);
    for (std::uint64_t first = range.first; first < range.end; first += most_rows_) {
      const Range part{first, std::min(range.end, first + most_rows_)};
      StateDict shard;
      for (const std::string& name : rows.arrays)
        shard.arrays[name] = cut(fresh.arrays.at(name), first - range.first, part.rows());
      save_safetensors(file(prefix, rows.history, part), shard);
      kept.shards.push_back(part);
    }
    std::vector<std::uint64_t> list{rows.history, rows.oldest};
    for (const Range& shard : kept.shards) {
      list.push_back(shard.first);
      list.push_back(shard.end);
    }
    // Without a single row there is no file to say what the arrays look like: they stay in the state.
    if (kept.shards.empty())
      for (auto& [name, array] : fresh.arrays) state.arrays[name] = std::move(array);
    else
      state.put(kList + prefix, list);
    now[prefix] = std::move(kept);
  }
  state.appended.clear();
  state.stored.clear();
  stored_ = std::move(now);
}

void RowShards::remove_stale() const {
  std::set<std::filesystem::path> listed;
  for (const auto& [prefix, stored] : stored_)
    for (const Range& range : stored.shards) listed.insert(file(prefix, stored.history, range));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error))
    if (entry.path().extension() == ".safetensors" && !listed.contains(entry.path()))
      std::filesystem::remove(entry.path(), error);  // one that stays costs space and is never read
}

void RowShards::read(StateDict& state) {
  stored_.clear();
  std::vector<std::string> prefixes;
  for (const auto& [name, array] : state.arrays)
    if (name.starts_with(kList)) prefixes.push_back(name.substr(kList.size()));
  for (const std::string& prefix : prefixes) {
    const auto list = state.get<std::uint64_t>(kList + prefix);
    const auto damaged = [&](bool fine) {
      require(fine, "checkpoint: the list of files of '", prefix, "' is damaged");
    };
    damaged(list.size() >= 4 && list.size() % 2 == 0);
    Stored stored{list[0], {}};
    for (std::size_t i = 2; i < list.size(); i += 2) {
      damaged(list[i] < list[i + 1] && (i == 2 || list[i] == list[i - 1]));
      stored.shards.push_back({list[i], list[i + 1]});
    }
    const std::uint64_t oldest = list[1], first = stored.shards.front().first, end = stored.shards.back().end;
    damaged(first <= oldest && oldest <= end);
    StateDict all = load(prefix, stored.history, stored.shards.front());
    for (std::size_t k = 1; k < stored.shards.size(); ++k) {
      const StateDict more = load(prefix, stored.history, stored.shards[k]);
      for (auto& [name, array] : all.arrays) {
        require(more.contains(name) && more.arrays.at(name).dtype == array.dtype,
                file(prefix, stored.history, stored.shards[k]).string(), " has no array like '", name,
                "' of the files before");
        append(array, more.arrays.at(name));
      }
    }
    for (const auto& [name, array] : all.arrays)
      state.arrays[name] = cut(array, oldest - first, end - oldest);
    state.arrays.erase(kList + prefix);
    stored_[prefix] = std::move(stored);
  }
}

}  // namespace mbrl
