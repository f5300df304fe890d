import StrictJSON

/// One of the parts that a job is divided into, each for a process of its own: shard I of N, I from 0 to N - 1.
public struct Shard: Sendable, Equatable, Hashable {
  public let index: Int
  public let count: Int

  /// More processes than anybody starts.
  private static let mostShards = 1_000_000

  /// - Returns: nil unless 0 ≤ index < count.
  public init?(index: Int, count: Int) {
    guard (1...Self.mostShards).contains(count), (0..<count).contains(index) else { return nil }
    (self.index, self.count) = (index, count)
  }

  /// As it is written, `I/N`.
  public var text: String { "\(index)/\(count)" }

  /// Which shard this process is, by what the launcher says in the environment; nil if it says nothing that can be used.
  ///
  /// In this order: an array of Slurm's, whose numbers may begin anywhere and have a step; the tasks of `srun`; Open MPI; PMI (MPICH, Intel MPI).
  public init?(environment: [String: String]) {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    if let task = number("SLURM_ARRAY_TASK_ID"), let first = number("SLURM_ARRAY_TASK_MIN"),
      let count = number("SLURM_ARRAY_TASK_COUNT")
    {
      let step = max(1, number("SLURM_ARRAY_TASK_STEP") ?? 1)
      guard (task - first) % step == 0 else { return nil }
      self.init(index: (task - first) / step, count: count)
      return
    }
    for (rank, size) in [
      ("SLURM_PROCID", "SLURM_NTASKS"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
      ("PMI_RANK", "PMI_SIZE"),
    ] {
      if let index = number(rank), let count = number(size) {
        self.init(index: index, count: count)
        return
      }
    }
    return nil
  }
}

/// Which shard a process is to be, as it is written on the command line: `I/N`, or `auto` for what the launcher says.
public enum ShardChoice: OptionValue {
  case given(Shard)
  case automatic

  public static var allowed: AllowedValue { .shard }

  public init(parsing text: String) throws(ValueError) {
    if text == "auto" {
      self = .automatic
      return
    }
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false)
    guard numbers.count == 2, numbers.allSatisfy({ $0.utf8.allSatisfy(isDigit) }),
      let index = Int(numbers[0]), let count = Int(numbers[1]), let shard = Shard(index: index, count: count)
    else { throw ValueError(found: text, allowed: Self.allowed) }
    self = .given(shard)
  }
}
