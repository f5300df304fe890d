import CProcessor
import Foundation

/// What this process may use of the machine that it runs on.
///
/// A batch system or a container gives a process a part of a machine: by the affinity of its threads, and by limits on its
/// control groups. Who takes what the whole machine has instead is slowed down, or killed.
public struct Machine: Sendable, Equatable {
  /// Who says how much may be used.
  public enum Authority: Sendable, Equatable {
    /// Nobody but the machine itself: all of it.
    case machine
    /// The processors that the system may run the process on, as `taskset` and batch systems set them.
    case affinity
    /// A limit on a control group that the process is in, or on one that this lies in.
    case controlGroup(path: String)
  }

  /// How much there is of something, and how much of it the process may use.
  public struct Share: Sendable, Equatable {
    /// What the machine has.
    public let available: Int
    /// What the process may use: at least 1, at most ``available``.
    public private(set) var allowed: Int
    /// Who allows no more.
    public private(set) var authority = Authority.machine

    /// All that the machine has.
    public init(available: Int) {
      self.available = max(1, available)
      allowed = self.available
    }

    /// Takes a limit into account; of equal ones the first is named.
    mutating func limit(to count: Int, by authority: Authority) {
      guard count < allowed else { return }
      allowed = max(1, count)
      self.authority = authority
    }
  }

  /// Processors, as the system counts them: a core with two threads counts twice.
  public private(set) var processors: Share
  /// Bytes of memory.
  public private(set) var memory: Share

  /// The machine that runs this process.
  public static let current = Machine(
    root: "/", processors: ProcessInfo.processInfo.activeProcessorCount, affinity: processorsInAffinity,
    memory: Int(clamping: ProcessInfo.processInfo.physicalMemory))

  /// A machine with a file system of its own.
  /// - Parameters:
  ///   - root: the folder in which `proc` and `sys` lie.
  ///   - processors: how many there are.
  ///   - affinity: how many of them the process may run on; nil if that is not known.
  ///   - memory: bytes of physical memory.
  package init(root: String, processors: Int, affinity: Int?, memory: Int) {
    self.processors = Share(available: max(processors, affinity ?? 1))
    self.memory = Share(available: memory)
    if let affinity { self.processors.limit(to: affinity, by: .affinity) }
    for group in ControlGroups(root: root).groups {
      if let count = group.processors {
        self.processors.limit(to: count, by: .controlGroup(path: group.path))
      }
      if let bytes = group.memory { self.memory.limit(to: bytes, by: .controlGroup(path: group.path)) }
    }
  }

  /// How many processors the calling thread may run on; nil where the system does not say.
  ///
  /// The corresponding C function is `sched_getaffinity`.
  private static var processorsInAffinity: Int? {
    let count = processor_affinity_count()
    return count > 0 ? Int(count) : nil
  }

  /// What the processor's maker calls it, or else the architecture.
  /// - Parameter root: the folder in which `proc` lies.
  public static func processorName(root: String = "/") -> String {
    let data = FileManager.default.contents(atPath: root + "/proc/cpuinfo") ?? Data()
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == "model name" {
        return parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
    #if arch(x86_64)
      return "x86-64"
    #else
      return "another than x86-64"
    #endif
  }
}
