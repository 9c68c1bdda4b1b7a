// What the newest records have changed, as it was before: so that they can be taken back.
//
// Shape:   Begin for each record, then a note before each change it makes. Taken back in reverse
//          order. Records that are final are forgotten, and the oldest ones beyond the limit.
//          Nothing is noted until Keep: a node whose records are final at once pays a look.
// Units:   bytes of what was, and something for each note.
// Limits:  kUndoBytesMax: when the next record begins, the oldest notes beyond it go; what they
//          were for can no longer be taken back.
// Owner:   Store. A database that was dropped is owned here for as long as it may return.
// Source:  docs/cluster.md §8 (rewind).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/entry.h"
#include "core/ids.h"
#include "core/record.h"
#include "core/retries.h"

namespace nunc {

class Database;

class Undo {
 public:
  // A key before a change.
  struct Was {
    enum class Kind : std::uint8_t {
      kAbsent,
      kTombstone,
      kEntry,
      kMarks,  // only its lifetime and that it waits for an arbiter have changed
    };
    Kind kind = Kind::kAbsent;
    Database* database = nullptr;
    std::string key{};
    std::string value{};
    std::uint32_t version = 0;
    bool in_conflict = false;
    Lifetime lifetime{};
    Revision revision{};
    std::int64_t removed_at_us = 0;
  };
  struct Record {
    Record();
    Record(Record&&) noexcept;
    Record& operator=(Record&&) noexcept;
    ~Record();
    Revision revision{};
    std::vector<Was> keys;
    Database* created = nullptr;
    std::unique_ptr<Database> dropped;
    Database* first_arbiter = nullptr;
    std::unique_ptr<Retries::Was> retry;  // null: it bears no sequence
    // Keys of `dropped` whose time has come meanwhile.
    std::vector<std::pair<Entry*, Lifetime>> ended;
    std::size_t bytes = 0;
  };

  // A key that is not what it was, after records have been taken back.
  struct Cut {
    Database* database = nullptr;
    std::string key{};
    Revision first{};    // the oldest of those that had changed it
    bool shown = false;  // who watches the key had heard of that
  };

  // Those that go are freed by the owner of `freed`.
  explicit Undo(std::vector<std::unique_ptr<Database>>& freed) : freed_(freed) {}

  // From now on; what came up to `revision` stays as it is.
  void Keep(Revision revision, std::size_t bytes_max);
  [[nodiscard]] bool keeps() const { return keeps_; }
  // All is forgotten; what is loaded next is as of `revision`.
  void Clear(Revision revision);
  // Nothing up to there will be taken back.
  void SetFinal(Revision revision);
  [[nodiscard]] Revision final_revision() const { return final_; }
  // What came up to there cannot be taken back.
  [[nodiscard]] Revision floor() const { return floor_; }

  void Begin(Revision revision);
  // What changes now can be taken back.
  [[nodiscard]] bool open() const { return open_; }
  void Note(Was was);
  void NoteCreated(Database& database) { records_.back().created = &database; }
  void NoteDropped(std::unique_ptr<Database> database);
  void NoteArbiter(Database& database) { records_.back().first_arbiter = &database; }
  void NoteRetry(Retries::Was was);
  // Of a database that is dropped, whether it is kept here or not.
  void NoteEnded(const Database& database, Entry& entry, const Lifetime& lifetime);

  // Oldest first.
  [[nodiscard]] const std::deque<Record>& records() const { return records_; }
  Record TakeNewest();
  // Nothing is noted until the next Begin.
  void Close() { open_ = false; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void ForgetOldest();

  std::vector<std::unique_ptr<Database>>& freed_;
  bool keeps_ = false;
  bool open_ = false;
  std::size_t bytes_max_ = 0;
  std::size_t bytes_ = 0;
  Revision final_;
  Revision floor_;
  std::deque<Record> records_;
};

}  // namespace nunc
