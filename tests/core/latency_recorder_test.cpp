// Times of work, their percentiles, and what came late.
#include "mbrl/core/latency_recorder.hpp"

#include "catch.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

TEST_CASE("planning times: percentiles by nearest rank") {
  LatencyRecorder latency;
  CHECK(latency.p50() == 0.0);
  for (int i = 100; i >= 1; --i) latency.add(i);
  CHECK(latency.count() == 100);
  CHECK(latency.percentile(0.0) == 1.0);
  CHECK(latency.p50() == 50.0);
  CHECK(latency.p99() == 99.0);
  CHECK(latency.percentile(1.0) == 100.0);
  CHECK_THROWS_AS(latency.percentile(1.5), Error);
  latency.clear();
  CHECK(latency.time([] { return 3; }) == 3);
  CHECK(latency.count() == 1);
  CHECK(latency.p99() >= 0.0);

  // Percentiles forget what is long past, counts do not.
  latency.clear();
  for (std::size_t i = 0; i < LatencyRecorder::kKept; ++i) latency.add(9.0, 8.0);
  for (std::size_t i = 0; i < LatencyRecorder::kKept; ++i) latency.add(1.0, 8.0);
  CHECK(latency.count() == 2 * LatencyRecorder::kKept);
  CHECK(latency.missed() == LatencyRecorder::kKept);
  CHECK(latency.percentile(1.0) == 1.0);
  CHECK(latency.total() == 10.0 * LatencyRecorder::kKept);
}

}  // namespace
}  // namespace mbrl
