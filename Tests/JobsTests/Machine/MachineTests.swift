import Configuration
import Foundation
import Jobs
import TestSupport
import Testing

/// How much of a machine a process may use, with control groups as distributions, containers and batch systems make them.
@Suite(.timeLimit(.minutes(30))) struct MachineTests {
  @Test func isAllOfItWhereNothingLimits() throws {
    for files in [[:], ["proc/self/cgroup": "0::/"], ["proc/self/mountinfo": "no such line"]] {
      let machine = try MadeUpSystem(files).machine()
      #expect(machine.processors == Machine.Share(available: 16))
      #expect(machine.memory == Machine.Share(available: 64 << 30))
    }
    let unlimited = try MadeUpSystem.unified([
      "batch/job_17/cpu.max": "max 100000", "batch/job_17/memory.max": "max", "batch/memory.high": "max",
    ]).machine()
    #expect(unlimited.processors.authority == .machine)
    #expect(unlimited.memory.authority == .machine)
  }

  @Test(arguments: [
    ("100000 100000", 1), ("150000 100000", 2), ("10000 100000", 1), ("300000 100000", 3),
    ("1600000 100000", 16), ("6400000 100000", 16),
  ])
  func aQuotaOfTimeIsRoundedUp(maximum: String, processors: Int) throws {
    let machine = try MadeUpSystem.unified(["batch/job_17/cpu.max": maximum]).machine()
    #expect(machine.processors.allowed == processors)
    #expect(
      machine.processors.authority == (processors < 16 ? .controlGroup(path: "/batch/job_17") : .machine))
  }

  @Test func theAffinityCountsToo() throws {
    #expect(try MadeUpSystem([:]).machine(affinity: 3).processors.allowed == 3)
    #expect(try MadeUpSystem([:]).machine(affinity: 3).processors.authority == .affinity)
    #expect(try MadeUpSystem([:]).machine(affinity: nil).processors.allowed == 16)
    let system = try MadeUpSystem.unified(["batch/job_17/cpu.max": "200000 100000"])
    #expect(system.machine(affinity: 3).processors.authority == .controlGroup(path: "/batch/job_17"))
    #expect(system.machine(affinity: 2).processors.authority == .affinity)
  }

  /// Colons are between the fields of a line, and within the last one as in any name.
  @Test func aGroupsNameMayHoldColons() throws {
    let machine = try MadeUpSystem.unified(
      ["batch/job:17:a/cpu.max": "300000 100000"], group: "/batch/job:17:a"
    ).machine()
    #expect(machine.processors.allowed == 3)
    #expect(machine.processors.authority == .controlGroup(path: "/batch/job:17:a"))
  }

  /// A limit on a group holds for all that lie in it.
  @Test func groupsAboveCount() throws {
    let machine = try MadeUpSystem.unified([
      "batch/job_17/cpu.max": "400000 100000", "batch/cpu.max": "200000 100000",
      "batch/job_17/memory.max": "8589934592", "memory.max": "\(32 << 30)",
    ]).machine()
    #expect(machine.processors.allowed == 2)
    #expect(machine.processors.authority == .controlGroup(path: "/batch"))
    #expect(machine.memory.allowed == 8 << 30)
    #expect(machine.memory.authority == .controlGroup(path: "/batch/job_17"))
    let container = try MadeUpSystem.unified(["memory.max": "\(32 << 30)"]).machine()
    #expect(container.memory.authority == .controlGroup(path: "/"))
  }

  /// Of a group and one above it with the same limit, its own is named.
  @Test func ofEqualLimitsTheNearestIsNamed() throws {
    let machine = try MadeUpSystem.unified([
      "batch/job_17/cpu.max": "400000 100000", "batch/cpu.max": "400000 100000", "cpu.max": "400000 100000",
      "batch/memory.max": "\(2 << 30)", "memory.max": "\(2 << 30)",
    ]).machine()
    #expect(machine.processors.allowed == 4)
    #expect(machine.processors.authority == .controlGroup(path: "/batch/job_17"))
    #expect(machine.memory.authority == .controlGroup(path: "/batch"))
  }

  /// A mount writes blanks in a group's name as it does those in paths.
  @Test func theGroupThatIsShownMayHaveBlanks() throws {
    let machine = try MadeUpSystem([
      "proc/self/cgroup": "0::/my batch/job_17",
      "proc/self/mountinfo": #"31 24 0:27 /my\040batch /sys/fs/cgroup rw - cgroup2 cgroup2 rw"#,
      "sys/fs/cgroup/job_17/cpu.max": "300000 100000",
    ]).machine()
    #expect(machine.processors.allowed == 3)
    #expect(machine.processors.authority == .controlGroup(path: "/job_17"))
  }

  /// Beyond `memory.high` a process is slowed down and its pages are taken away.
  @Test func theMarkBelowTheLimitCounts() throws {
    let machine = try MadeUpSystem.unified([
      "batch/job_17/memory.max": "\(4 << 30)", "batch/job_17/memory.high": "\(3 << 30)",
    ]).machine()
    #expect(machine.memory.allowed == 3 << 30)
  }

  /// In a container the mounts show the container's own group as their root.
  @Test(arguments: [
    ("/", "/batch/job_17", "batch/job_17/"), ("/batch/job_17", "/", ""), ("/batch", "/job_17", "job_17/"),
  ])
  func versionOneHasAHierarchyForEach(shown: String, path: String, folder: String) throws {
    let machine = try MadeUpSystem.separate(
      shown: shown,
      [
        "cpu,cpuacct/\(folder)cpu.cfs_quota_us": "250000", "cpu,cpuacct/\(folder)cpu.cfs_period_us": "100000",
        "memory here/\(folder)memory.limit_in_bytes": "\(2 << 30)",
        "cpuset/elsewhere/memory.limit_in_bytes": "1",
      ]
    ).machine()
    #expect(machine.processors.allowed == 3)
    #expect(machine.processors.authority == .controlGroup(path: path))
    #expect(machine.memory.allowed == 2 << 30)
    #expect(machine.memory.authority == .controlGroup(path: path))
  }

  @Test func versionOneHasNumbersForNoLimit() throws {
    let machine = try MadeUpSystem.separate([
      "cpu,cpuacct/batch/job_17/cpu.cfs_quota_us": "-1",
      "cpu,cpuacct/batch/job_17/cpu.cfs_period_us": "100000",
      "memory here/batch/job_17/memory.limit_in_bytes": "9223372036854771712",
    ]).machine()
    #expect(machine.processors.authority == .machine)
    #expect(machine.memory.authority == .machine)
  }

  /// A group beside the one that is shown cannot be looked at; the one that is shown can.
  @Test func aGroupOutsideOfTheNamespaceHasTheRootsLimits() throws {
    for path in ["/../job_17", "/other/job_17"] {
      let machine = try MadeUpSystem([
        "proc/self/cgroup": "0::\(path)",
        "proc/self/mountinfo": "31 24 0:27 /batch /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        "sys/fs/cgroup/cpu.max": "100000 100000", "sys/fs/job_17/cpu.max": "200000 100000",
        "sys/fs/cgroup/other/job_17/memory.max": "1",
      ]).machine()
      #expect(machine.processors.allowed == 1)
      #expect(machine.memory.authority == .machine)
    }
  }

  @Test func defaultsFollowWhatIsAllowed() throws {
    let system = try MadeUpSystem.unified([
      "batch/job_17/cpu.max": "400000 100000", "batch/memory.max": "\(2 << 30)",
    ])
    var job = Job(input: "in.h5", output: nil, configuration: JobConfiguration(), replacesOutput: false)
    job.machine = system.machine()
    #expect(job.threads == 4)
    #expect(job.memory == 1 << 29)
    #expect(job.limits.map(\.resource) == [.threads, .memory])
    #expect(job.limits.map(\.limitedBy) == [.controlGroup, .controlGroup])
    #expect(job.limits.map(\.group) == ["/batch/job_17", "/batch"])
    #expect(job.limits.map(\.allowed) == [4, 2 << 30])
    #expect(job.limits.map(\.available) == [16, 64 << 30])

    // More may be asked for, and is then nobody's default.
    job.configuration.threads = ThreadCount(20)
    job.configuration.memory = ByteCount(3 << 30)
    #expect(job.threads == 20)
    #expect(job.memory == 3 << 30)
    #expect(job.limits == [])
  }

  /// A machine may have more processors than a job may have threads; and where the process may run on more than are counted, these are there.
  @Test func manyProcessors() throws {
    let folder = try TemporaryFolder()
    var job = Job(input: "in.h5", output: nil, configuration: JobConfiguration(), replacesOutput: false)
    job.machine = Machine(root: folder.url.path, processors: 5000, affinity: nil, memory: 64 << 30)
    #expect(job.threads == 1024)
    #expect(job.limits == [])
    let machine = try MadeUpSystem([:]).machine(affinity: 20)
    #expect(machine.processors == Machine.Share(available: 20))
  }

  @Test func theProcessorHasAName() throws {
    let folder = try TemporaryFolder()
    #expect(!Machine.processorName(root: folder.url.path).isEmpty)
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "proc"), withIntermediateDirectories: true)
    try Data("processor\t: 0\nmodel name\t: Some Maker: Model 7\nmodel name\t: B\n".utf8)
      .write(to: folder.url.appending(path: "proc/cpuinfo"))
    #expect(Machine.processorName(root: folder.url.path) == "Some Maker: Model 7")
  }

  /// A limit that leaves the default as it is is not worth a word.
  @Test func aLimitThatChangesNothingIsNotNamed() throws {
    var job = Job(input: "in.h5", output: nil, configuration: JobConfiguration(), replacesOutput: false)
    job.machine = try MadeUpSystem.unified(["batch/memory.max": "\(8 << 30)"]).machine()
    #expect(job.machine.memory.allowed == 8 << 30)
    #expect(job.memory == 1 << 30)
    #expect(job.limits == [])
  }

  /// In version 1 a process may be in one group for processors and in another one for memory.
  @Test func versionOneHasAGroupForEach() throws {
    let files: [String: String] = [
      "proc/self/cgroup": "5:memory:/tasks/small\n3:cpu,cpuacct:/tasks/slow",
      "proc/self/mountinfo": """
      32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
      35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
      """,
      "sys/fs/cgroup/cpu/tasks/slow/cpu.cfs_quota_us": "300000",
      "sys/fs/cgroup/cpu/tasks/slow/cpu.cfs_period_us": "100000",
      "sys/fs/cgroup/cpu/tasks/small/cpu.cfs_quota_us": "100000",
      "sys/fs/cgroup/cpu/tasks/small/cpu.cfs_period_us": "100000",
      "sys/fs/cgroup/memory/tasks/small/memory.limit_in_bytes": "2147483648",
      "sys/fs/cgroup/memory/tasks/slow/memory.limit_in_bytes": "1073741824",
    ]
    let machine = try MadeUpSystem(files).machine()
    #expect(machine.processors.allowed == 3)
    #expect(machine.processors.authority == .controlGroup(path: "/tasks/slow"))
    #expect(machine.memory.allowed == 2 << 30)
    #expect(machine.memory.authority == .controlGroup(path: "/tasks/small"))
  }

  /// Where the mark lies above the limit, the limit holds.
  @Test func aMarkAboveTheLimitDoesNotCount() throws {
    let machine = try MadeUpSystem.unified([
      "batch/job_17/memory.max": "\(3 << 30)", "batch/job_17/memory.high": "\(4 << 30)",
    ]).machine()
    #expect(machine.memory.allowed == 3 << 30)
  }

  /// Where both versions are mounted, each hierarchy is looked at in the process's group of that hierarchy, whichever lines come first.
  @Test func bothVersionsHaveTheirOwnGroups() throws {
    let files: [String: String] = [
      "proc/self/cgroup": "3:memory:/old/small\n2:cpu,cpuacct:/old/slow\n0::/new/job_17",
      "proc/self/mountinfo": """
      32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
      """,
      "sys/fs/cgroup/cpu/old/slow/cpu.cfs_quota_us": "300000",
      "sys/fs/cgroup/cpu/old/slow/cpu.cfs_period_us": "100000",
      "sys/fs/cgroup/unified/new/job_17/memory.max": "2147483648",
      "sys/fs/cgroup/unified/old/small/memory.max": "1073741824",
    ]
    let machine = try MadeUpSystem(files).machine()
    #expect(machine.processors.allowed == 3)
    #expect(machine.processors.authority == .controlGroup(path: "/old/slow"))
    #expect(machine.memory.allowed == 2 << 30)
    #expect(machine.memory.authority == .controlGroup(path: "/new/job_17"))
  }

  /// Beside its name a processor has a family and a model, which are numbers and come first.
  @Test func theProcessorsNameIsNotItsModelsNumber() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "proc"), withIntermediateDirectories: true)
    let lines = [
      "processor\t: 0", "vendor_id\t: SomeMaker", "cpu family\t: 6", "model\t\t: 85",
      "model name\t: Some Maker Model 7", "stepping\t: 4", "",
    ]
    try Data(lines.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "proc/cpuinfo"))
    #expect(Machine.processorName(root: folder.url.path) == "Some Maker Model 7")
  }

  /// Who asks for one of the two is told of the limit of the other one only.
  @Test func onlyDefaultsAreLimited() throws {
    var job = Job(input: "in.h5", output: nil, configuration: JobConfiguration(), replacesOutput: false)
    job.machine = try MadeUpSystem.unified([
      "batch/job_17/cpu.max": "400000 100000", "batch/memory.max": "\(2 << 30)",
    ]).machine()
    job.configuration.threads = ThreadCount(2)
    #expect(job.limits.map(\.resource) == [.memory])
    job.configuration.threads = nil
    // Less than any default.
    job.configuration.memory = ByteCount(64 << 20)
    #expect(job.limits.map(\.resource) == [.threads])
  }
}
