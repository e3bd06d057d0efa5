// Scratch memory for tasks that are shared out over threads: as many pieces as tasks run at a time, in place of one a
// task, so that what a task writes stays in its processor's cache for the next one.
#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// Pieces of T. Which one a task gets depends on the threads: no result may.
template <class T>
class ScratchPool {
  struct Piece {
    T value;
    std::thread::id user;  // the last one
    bool lent = false;
  };
  struct Shared {
    std::mutex mutex;
    std::vector<Piece> pieces;
  };

 public:
  /// A piece, until the end of its scope.
  class Loan {
   public:
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() {
      const std::lock_guard lock(shared_.mutex);
      piece_.lent = false;
    }
    T& operator*() const { return piece_.value; }
    T* operator->() const { return &piece_.value; }

   private:
    friend class ScratchPool;
    Loan(Shared& shared, Piece& piece) : shared_(shared), piece_(piece) {}
    Shared& shared_;
    Piece& piece_;
  };

  /// In place of what there was: `count` pieces, each made by make(). None may be lent.
  template <class Make>
  void fill(int count, Make make) {
    shared_->pieces.clear();
    for (int i = 0; i < count; ++i) shared_->pieces.push_back({make(), {}, false});
  }

  /// The piece that this thread had last, or else one that no thread had yet, or any other. Throws mbrl::Error where
  /// all are lent.
  Loan borrow() {
    const std::lock_guard lock(shared_->mutex);
    const std::thread::id self = std::this_thread::get_id();
    Piece* best = nullptr;
    const auto rank = [self](const Piece& p) {
      return p.user == self ? 2 : p.user == std::thread::id() ? 1 : 0;
    };
    for (Piece& piece : shared_->pieces)
      if (!piece.lent && (best == nullptr || rank(piece) > rank(*best))) best = &piece;
    require(best != nullptr, "ScratchPool: all ", shared_->pieces.size(),
            " pieces are lent, expected no more tasks at a time than that");
    best->lent = true;
    best->user = self;
    return Loan(*shared_, *best);
  }

 private:
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
};

}  // namespace mbrl
