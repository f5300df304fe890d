import Foundation

/// The control groups that this process is in, of both versions, and those above them, with their limits.
///
/// Documented in the Linux kernel's `admin-guide/cgroup-v1` and `admin-guide/cgroup-v2.rst`; `/proc/self/cgroup` in cgroups(7),
/// `/proc/self/mountinfo` in proc(5).
struct ControlGroups {
  /// A group with what limits it. What it says of something else, or nothing at all, is nil.
  struct Limits: Equatable {
    /// From the root of its hierarchy, as far as this process sees it: `/system.slice/job.service`.
    let path: String
    /// How many processors' time it may take, rounded up.
    let processors: Int?
    /// Bytes that it may take.
    let memory: Int?
  }

  /// The groups with a limit: of each hierarchy the process's own first, then those above.
  let groups: [Limits]

  /// Reads them; where there are none, or where they cannot be read, there is no limit.
  /// - Parameter root: the folder in which `proc` and `sys` lie.
  init(root: String) {
    func lines(_ path: String) -> [Substring] {
      Self.text(root + path).split(separator: "\n")
    }
    let memberships = lines("/proc/self/cgroup").compactMap(Membership.init)
    groups = lines("/proc/self/mountinfo").compactMap(Mount.init).flatMap { mount in
      guard let membership = memberships.first(where: { mount.holds($0) }) else { return [Limits]() }
      return mount.groups(of: membership).compactMap { path in
        let folder = root + mount.point + path
        let processors = mount.isUnified ? Self.maximum(folder) : Self.quota(folder)
        let names =
          mount.isUnified ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
        let memory = names.compactMap { Int(Self.text("\(folder)/\($0)")) }.min()
        if processors == nil && memory == nil { return nil }
        return Limits(path: path.isEmpty ? "/" : path, processors: processors, memory: memory)
      }
    }
  }

  /// Version 2: `cpu.max` holds the microseconds of processor time in each period, or `max`, and the period.
  private static func maximum(_ folder: String) -> Int? {
    let numbers = text("\(folder)/cpu.max").split(separator: " ")
    guard numbers.count == 2, let time = Int(numbers[0]), let period = Int(numbers[1]) else { return nil }
    return processors(time: time, period: period)
  }

  /// Version 1: the same in two files, with -1 for no limit.
  private static func quota(_ folder: String) -> Int? {
    guard let time = Int(text("\(folder)/cpu.cfs_quota_us")),
      let period = Int(text("\(folder)/cpu.cfs_period_us"))
    else { return nil }
    return processors(time: time, period: period)
  }

  /// As many as it takes to use all of the time: of one and a half, two, each for three quarters of the period.
  private static func processors(time: Int, period: Int) -> Int? {
    guard time > 0, period > 0 else { return nil }
    return time / period + (time % period == 0 ? 0 : 1)
  }

  /// A small file without the white space at its end; empty if it cannot be read.
  private static func text(_ path: String) -> String {
    let data = FileManager.default.contents(atPath: path) ?? Data()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// A line of `/proc/self/cgroup`: `4:cpu,cpuacct:/batch/job_17`, and `0::/batch/job_17` for version 2.
private struct Membership {
  let controllers: [Substring]
  let path: String

  init?(_ line: Substring) {
    let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { return nil }
    controllers = fields[1].split(separator: ",")
    path = String(fields[2])
  }
}

/// A line of `/proc/self/mountinfo` that mounts a hierarchy of control groups.
private struct Mount {
  /// True for version 2, whose one hierarchy has all controllers.
  let isUnified: Bool
  /// Of version 1; some words in it are no controllers.
  private let controllers: [Substring]
  /// The group that the mount shows as its root: another one than `/` in a container.
  private let shownGroup: String
  /// Where it is mounted.
  let point: String

  init?(_ line: Substring) {
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash > 4, fields.count > dash + 3,
      ["cgroup", "cgroup2"].contains(fields[dash + 1])
    else { return nil }
    isUnified = fields[dash + 1] == "cgroup2"
    controllers = fields[dash + 3].split(separator: ",")
    shownGroup = Self.unescaped(fields[3])
    point = Self.unescaped(fields[4])
  }

  func holds(_ membership: Membership) -> Bool {
    isUnified
      ? membership.controllers.isEmpty
      : membership.controllers.contains { ["cpu", "memory"].contains($0) && controllers.contains($0) }
  }

  /// The process's group and those above it, as paths below the mount: `/a/b`, `/a` and the empty one.
  func groups(of membership: Membership) -> [String] {
    var names = membership.path.split(separator: "/")
    let shown = shownGroup.split(separator: "/")
    if names.starts(with: shown), !names.contains("..") {
      names.removeFirst(shown.count)
    } else {
      // The group lies outside of what is mounted, or of the namespace: what can be seen of it is the root alone.
      names = []
    }
    return (0...names.count).reversed().map { count in names.prefix(count).map { "/\($0)" }.joined() }
  }

  /// Blanks and the like are written as `\040`.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(3), as: UTF8.self)
      if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let code = UInt8(digits, radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
