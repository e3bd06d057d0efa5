// A fixed set of threads with static chunking: chunk i of n is always the same range, whoever runs it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/fork.hpp"

namespace mbrl {

/// Runs `task(i)` for i in [0, count) on `size()` threads, the caller's among them. Work is handed out by
/// index, results must depend on the index alone: then any number of threads gives the same numbers. Who waits
/// looks for some ten microseconds before going to sleep, as waking a thread takes longer than many a task;
/// not where there are more threads than processors, which would look instead of working.
///
/// fork() copies none of the threads into the child: there a pool of more than one thread throws when it is
/// used, and is destroyed without waiting for threads that do not exist. Make another one in the child.
class ThreadPool {
 public:
  /// threads = 0 means one per hardware thread. Throws mbrl::Error on fewer, and if the system gives no more
  /// threads.
  explicit ThreadPool(int threads = 0) {
    require(threads >= 0, "threads is ", threads, ", expected at least 1, or 0 for all cores");
    int n = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
    if (n < 1) n = 1;
    looks_ = static_cast<unsigned>(n) <= std::thread::hardware_concurrency() ? kLooks : 0;
    shared_->workers.reserve(static_cast<std::size_t>(n - 1));
    try {
      for (int i = 1; i < n; ++i) shared_->workers.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      const int started = size();
      stop();
      fail("ThreadPool: only ", started, " of ", n, " threads could be started: ", error.what());
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() {
    // A thread of the parent may have held a lock or been waiting when the process was copied: nothing of
    // that can be destroyed here.
    if (origin_.is_elsewhere())
      static_cast<void>(shared_.release());
    else
      stop();
  }

  int size() const { return static_cast<int>(shared_->workers.size()) + 1; }

  /// Blocks until all tasks have run. If tasks throw, the exception of the lowest index is rethrown here,
  /// after the others have ended: the same one for any number of threads. Called from within a task, it runs
  /// on that task's thread; called from several threads at once, one after the other. Throws in a child of the
  /// process that made the pool.
  void run(int count, const std::function<void(int)>& task) {
    if (count <= 0) return;
    Shared& s = *shared_;
    if (s.workers.empty() || count == 1 || inside_) {
      run_serially(count, task);
      return;
    }
    require(
        !origin_.is_elsewhere(),
        "ThreadPool: this process was forked from the one that made the pool, and has none of its threads; "
        "make a pool in the child, after fork()");
    const std::lock_guard one_at_a_time(s.run_mutex);
    {
      const std::lock_guard lock(s.mutex);
      s.task = &task;
      s.count = count;
      s.next = 0;
      s.pending = count;
      s.error = nullptr;
      s.error_index = count;
      ++s.generation;
    }
    s.wake.notify_all();
    drain(task);
    look([&s] { return s.pending.load(std::memory_order_relaxed) == 0; });
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&s] { return s.pending == 0; });
    s.task = nullptr;
    if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
  }

  /// Splits [0, n) into `chunks` contiguous ranges and runs body(begin, end, chunk) for each.
  template <class Body>
  void parallel_for(std::ptrdiff_t n, int chunks, Body&& body) {
    run(chunks, [&](int chunk) {
      const std::ptrdiff_t begin = n * chunk / chunks;
      const std::ptrdiff_t end = n * (chunk + 1) / chunks;
      if (begin < end) body(begin, end, chunk);
    });
  }

 private:
  // True while this thread runs a task of any pool: a nested run must not wait for threads that wait for it.
  inline static thread_local bool inside_ = false;

  static void run_serially(int count, const std::function<void(int)>& task) {
    std::exception_ptr error;
    for (int i = 0; i < count; ++i) {
      try {
        task(i);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
  }

  void stop() {
    Shared& s = *shared_;
    {
      const std::lock_guard lock(s.mutex);
      s.stop = true;
    }
    s.wake.notify_all();
    for (auto& worker : s.workers) worker.join();
  }

  void drain(const std::function<void(int)>& task) {
    Shared& s = *shared_;
    std::unique_lock lock(s.mutex);
    while (s.task == &task && s.next < s.count) {
      const int i = s.next++;
      lock.unlock();
      std::exception_ptr error;
      inside_ = true;
      try {
        task(i);
      } catch (...) {
        error = std::current_exception();
      }
      inside_ = false;
      lock.lock();
      if (error && i < s.error_index) {
        s.error = error;
        s.error_index = i;
      }
      if (--s.pending == 0) s.done.notify_all();
    }
  }

  void work() {
    Shared& s = *shared_;
    std::uint64_t seen = 0;
    for (;;) {
      const std::function<void(int)>* task = nullptr;
      look([&] { return s.generation.load(std::memory_order_relaxed) != seen; });
      {
        std::unique_lock lock(s.mutex);
        s.wake.wait(lock, [&] { return s.stop || (s.generation != seen && s.task != nullptr); });
        if (s.stop) return;
        seen = s.generation;
        task = s.task;
      }
      drain(*task);
    }
  }

  // Until `ready`, or for a while. What is seen is a hint: it is read again under the lock.
  template <class Ready>
  void look(Ready&& ready) const {
    for (int i = 0; i < looks_ && !ready(); ++i) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#else
      std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
    }
  }

  static constexpr int kLooks = 1000;  // 10 to 40 microseconds

  // What the threads share; apart from the pool, so that a child process can leave it alone.
  struct Shared {
    std::vector<std::thread> workers;
    std::mutex run_mutex;  // held by the thread whose tasks are running
    std::mutex mutex;      // guards what follows
    std::condition_variable wake, done;
    const std::function<void(int)>* task = nullptr;
    int count = 0, next = 0;
    std::atomic<int> pending = 0;
    std::atomic<std::uint64_t> generation = 0;
    std::exception_ptr error;
    int error_index = 0;
    bool stop = false;
  };

  int looks_ = 0;
  ProcessOfOrigin origin_;
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
};

}  // namespace mbrl
