// One folder of a SimDevice.
//
// Shape:   stays usable over crashes of the device; the files opened before them do not: all their
//          calls give kIo and change nothing.
// Errors:  as env/disk.h says, and kInvalid for the names that posix/disk.h refuses and for a
//          change through kRead.
// Owner:   the device outlives it and its files.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/disk.h"
#include "sim/sim_device.h"

namespace nunc {

class SimDisk final : public Disk {
 public:
  SimDisk(SimDevice& device, std::string folder);

  Result<std::unique_ptr<File>> Open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileInfo>> List() override;
  Result<void> Rename(std::string_view from, std::string_view to) override;
  Result<void> Remove(std::string_view name) override;
  Result<void> SyncFolder() override;
  [[nodiscard]] std::string PathOf(std::string_view name) const override;

  // For tests; they are not calls, and no fault hits them.
  [[nodiscard]] bool Has(std::string_view name) const;
  // As the process sees it; empty also where there is no such file.
  [[nodiscard]] std::string Content(std::string_view name) const;
  // As the process sees them, in byte order.
  [[nodiscard]] std::vector<std::string> Names() const;
  // Of the file that the process sees under that name: what of it is on the medium.
  [[nodiscard]] std::string SyncedContent(std::string_view name) const;
  // What is left when a power cut keeps nothing.
  [[nodiscard]] bool HasDurable(std::string_view name) const;
  [[nodiscard]] std::string DurableContent(std::string_view name) const;
  // The whole file, on the medium at once; makes it where there is none.
  void SetContent(std::string_view name, std::string_view bytes);
  // Rot: what the process sees and what the medium holds. Beyond the end it does nothing.
  void FlipBit(std::string_view name, std::uint64_t bit);

 private:
  SimDevice& device_;
  SimFolder& names_;
  std::string folder_;
};

}  // namespace nunc
