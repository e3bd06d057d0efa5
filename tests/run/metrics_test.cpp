// The table of a run's metrics: columns by name, kept over versions, and written as a CSV file.
#include "mbrl/run/metrics.hpp"

#include <cmath>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/io/csv.hpp"

using namespace mbrl;

TEST_CASE("MetricTable: rows are given by name, the count and the best return are filled in") {
  MetricTable table = MetricTable::with({{"loss"}});
  table.add({{"step", 10}, {"return", -3}});
  table.add({{"step", 20}, {"return", -5}, {"loss", 0.5}});
  table.add({{"step", 30}, {"return", 2}});
  CHECK(table.column("round") == std::vector<double>{1, 2, 3});
  CHECK(table.column("best_return") == std::vector<double>{-3, -3, 2});
  CHECK(std::isnan(table.at(0, "loss")));
  CHECK(table.last("step") == 30);
  CHECK(table.round_name() == "round");
  CHECK_THROWS_WITH(table.add({{"steps", 1}}), "metrics: there is no column 'steps', did you mean 'step'?");
  CHECK_THROWS_AS(MetricTable::with().last("step"), Error);
}

TEST_CASE("MetricTable: a NaN return never is the best") {
  MetricTable table = MetricTable::with();
  table.add({{"step", 1}, {"return", std::nan("")}});
  CHECK(std::isnan(table.last("best_return")));
  table.add({{"step", 2}, {"return", -7}});
  table.add({{"step", 3}, {"return", std::nan("")}});
  CHECK(table.column("best_return")[1] == -7);
  CHECK(table.column("best_return")[2] == -7);
}

TEST_CASE("MetricTable: columns that make no table of a run are refused") {
  CHECK_THROWS_AS(MetricTable({{"step"}, {"return"}}), Error);
  CHECK_THROWS_AS(MetricTable::with({{"step"}}), Error);
  CHECK_THROWS_AS(MetricTable::with({{"a,b"}}), Error);
  CHECK_THROWS_AS(MetricTable::with({{""}}), Error);
}

TEST_CASE("MetricTable: written as CSV, the baseline first, and read back the same") {
  MetricTable table = MetricTable::with({{"loss"}});
  table.add({{"step", 10}, {"return", 0.1}});
  table.set_baseline(std::vector<double>{0, 5, -1, MetricTable::kNone, MetricTable::kNone});
  CHECK(table.csv() == "round,step,return,best_return,loss\n0,5,-1,,\n1,10,0.1,0.1,\n");
  const MetricTable more = table.extended({"eval_return"}, {4});
  CHECK(more.csv() == "round,step,return,best_return,loss,eval_return\n0,5,-1,,,\n1,10,0.1,0.1,,4\n");
  CHECK_THROWS_AS(table.extended({"eval_return"}, {4, 5}), Error);
  CHECK(parse_csv(table.csv(), "table").rows() == 2);
}

TEST_CASE("MetricTable: a checkpoint is read by the names of its columns") {
  MetricTable table = MetricTable::with({{"loss"}, {"old"}});
  table.add({{"step", 10}, {"return", 0.1}, {"loss", 3}, {"old", 4}});
  table.add({{"step", 20}, {"return", 0.3}});
  StateDict state;
  table.save(state, "metrics");
  MetricTable same = MetricTable::with({{"loss"}, {"old"}});
  same.load(state, "metrics");
  CHECK(same.csv() == table.csv());
  MetricTable later = MetricTable::with({{"fresh"}, {"loss"}});
  later.load(state, "metrics");
  REQUIRE(later.rows() == 2);
  CHECK(later.at(0, "loss") == 3);
  CHECK(std::isnan(later.at(0, "fresh")));
  state.put("metrics", std::vector<double>{1, 2});
  CHECK_THROWS_AS(later.load(state, "metrics"), Error);
}
