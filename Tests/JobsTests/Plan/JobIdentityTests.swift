import Configuration
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// Which unfinished output a job goes on with: one of which nothing differs that decides a byte.
@Suite(.timeLimit(.minutes(30))) struct JobIdentityTests {
  static let changes:
    [(change: @Sendable (inout JobIdentity) -> Void, differences: [StreamError.JobDifference])] = [
      ({ $0.input = "other.h5" }, []),
      ({ $0.inputSize += 1 }, [.input]), ({ $0.inputModified -= 1 }, [.input]),
      // Of several files the sizes and times together may stay.
      ({ $0.inputChecksum = "0123" }, [.input]),
      ({ $0.version = "0.0.9" }, [.program(found: "0.0.9", now: programVersion)]),
      ({ $0.format += 1 }, [.program(found: programVersion, now: programVersion)]),
      ({ $0.shards = 4 }, [.shards(found: 4, now: nil)]), ({ $0.plan += "0" }, [.plan]),
      // What follows from it need not be said.
      ({ ($0.shards, $0.plan) = (2, "") }, [.shards(found: 2, now: nil)]),
      ({ ($0.inputSize, $0.shards) = (0, 2) }, [.input, .shards(found: 2, now: nil)]),
    ]

  @Test(arguments: changes.indices) func whatDiffersIsTold(row: Int) throws {
    let identity = JobIdentity(try SmallJob().plan())
    var other = identity
    Self.changes[row].change(&other)
    #expect(identity.differences(from: other.json) == Self.changes[row].differences)
  }

  /// What does not decide a byte may be another one: when the device gets the data, and how many threads compute.
  @Test func whatDecidesNoByteIsNoDifference() throws {
    let job = try SmallJob()
    let identity = JobIdentity(try job.plan())
    var other = job
    other.threads = 3
    #expect(JobIdentity(try other.plan()).differences(from: identity.json) == [])
    other.keys += #", "sync": false"#
    let unsynchronized = JobIdentity(try other.plan())
    #expect(unsynchronized.differences(from: identity.json) == [])
    #expect(identity.differences(from: unsynchronized.json) == [])
  }

  @Test func whatCannotBeReadIsNone() throws {
    let identity = JobIdentity(try SmallJob().plan())
    #expect(identity.differences(from: identity.json) == [])
    #expect(identity.differences(from: identity.json.dropLast(5)) == nil)
    #expect(identity.differences(from: Array("{}".utf8)) == [.unknown])
  }
}
