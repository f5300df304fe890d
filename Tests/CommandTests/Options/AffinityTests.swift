#if os(Linux)
  import Foundation
  import Jobs
  import TestSupport
  import Testing

  /// The part of the machine that the program was given decides how many threads it starts.
  @Suite(.timeLimit(.minutes(30))) struct AffinityTests {
    /// The first processor that this process may run on, and how many the machine has.
    private static let processors: (first: String, count: Int) = {
      let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
      let list = status.firstMatch(of: #/Cpus_allowed_list:\s*(\d+)/#).map { String($0.1) }
      return (list ?? "0", Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }()

    private func run(_ options: String, _ program: Program) throws -> String {
      let result = try program.run(
        shell: #"exec taskset -c \#(Self.processors.first) "$0" --in rank2.h5 \#(options)"#)
      #expect(result.exitCode == 0)
      #expect(result.error == "")
      return result.output
    }

    @Test func isHeededAndSaid() throws {
      let program = try Program("rank2.h5")
      for options in ["--dry-run", "--out out.h5"] {
        let text = try run(options, program)
        #expect(text.contains(" 1 thread"))
        let line =
          "threads: the process's affinity leaves 1 of \(Self.processors.count) processors; another number with --threads\n"
        #expect(text.contains(line) == (Self.processors.count > 1))
      }
      let json = try run("--dry-run --json", program)
      let plan = try JSONDecoder().decode(PlanSummary.self, from: Data(json.utf8))
      #expect(plan.threads == 1)
      #expect(plan.limits?.map(\.limitedBy) == (Self.processors.count > 1 ? [.affinity] : nil))
    }

    /// So does what the program says of itself and this machine: what it may use, of what there is.
    @Test func isSaidWithTheVersion() throws {
      struct Facts: Decodable {
        let processors: Int
        let processorsAllowed: Int
      }
      let program = try Program()
      let version = #"exec taskset -c \#(Self.processors.first) "$0" --version --verbose"#
      let text = try program.run(shell: version).output
      #expect(text.contains("\nmay use    1 of \(Self.processors.count) processors, "), "\(text)")
      let json = try program.run(shell: version + " --json").output
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let facts = try decoder.decode(Facts.self, from: Data(json.utf8))
      #expect(facts.processors == Self.processors.count && facts.processorsAllowed == 1)
    }

    /// More threads than processors may be wanted, as where most of them wait for a slow disk.
    @Test func moreMayBeAskedFor() throws {
      let program = try Program("rank2.h5")
      let text = try run("--dry-run --threads 3", program)
      #expect(text.contains(" 3 threads"))
      #expect(!text.contains("affinity"))
    }
  }
#endif
