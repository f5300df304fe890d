import Foundation
import Jobs
import TestSupport

/// A folder with a `proc` and a `sys` like those of a system with control groups.
struct MadeUpSystem {
  private let folder: TemporaryFolder

  /// Writes files, each with a line break at its end, as the kernel does.
  init(_ files: [String: String]) throws {
    folder = try TemporaryFolder()
    for (path, text) in files {
      let url = folder.url.appending(path: path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("\(text)\n".utf8).write(to: url)
    }
  }

  /// What a process may use there, on a machine of 16 processors and 64 GiB.
  func machine(affinity: Int? = 16) -> Machine {
    Machine(root: folder.url.path, processors: 16, affinity: affinity, memory: 64 << 30)
  }

  /// Version 2 alone, as in current distributions; a job in a group of a group.
  static func unified(_ limits: [String: String], group: String = "/batch/job_17") throws -> MadeUpSystem {
    try MadeUpSystem(
      [
        "proc/self/cgroup": "0::\(group)",
        "proc/self/mountinfo": """
        22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
        """,
      ].merging(limits.map { ("sys/fs/cgroup/\($0)", $1) }) { $1 })
  }

  /// Version 1, with a hierarchy for processors and one for memory, mounted in a container or outside of one.
  /// - Parameter shown: the group that the mounts show as their root.
  static func separate(shown: String = "/", _ limits: [String: String]) throws -> MadeUpSystem {
    try MadeUpSystem(
      [
        "proc/self/cgroup": """
        4:memory:/batch/job_17
        3:cpuset:/elsewhere
        2:cpu,cpuacct:/batch/job_17
        1:name=systemd:/batch
        0::/
        """,
        "proc/self/mountinfo": """
        32 31 0:29 \(shown) /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 \(shown) /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
        35 31 0:32 \(shown) /sys/fs/cgroup/memory\\040here rw,relatime master:9 - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        """,
      ].merging(limits.map { ("sys/fs/cgroup/\($0)", $1) }) { $1 })
  }
}
