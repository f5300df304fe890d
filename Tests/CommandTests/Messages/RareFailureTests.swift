import ChunkCodec
import Configuration
import Foundation
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import bn_stream

/// Rare inputs and streams whose exit code once was another.
@Suite(.timeLimit(.minutes(30))) struct RareFailureTests {
  /// The mean of dy fits into a Double, its sum does not.
  @Test func aSumOfGradientsThatOverflows() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 2, 3, 4], shape: [2, 2])
      try layer.add("grad_output", [1.5e308, 1, 1.5e308, 1], shape: [2, 2])
    }
    try program.write(#"{"nonfinite": "error"}"#, to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json")
    #expect(result.exitCode == 65)
    #expect(
      result.error
        == "bn-stream: in.h5: the gradient of gamma or beta of feature 0 of /layer in batch 0 exceeds the range of double "
        + #"precision, which "nonfinite": "error" forbids; scale the activations or gradients down, or let the feature be "#
        + "spoiled with \"nonfinite\": \"count\"\n")
  }

  /// Both numbers of shards stand where they belong, whichever of the jobs is divided.
  @Test(
    arguments: [
      (3, 4, "it is divided into 3 shards, not 4"),
      (3, nil, "it is divided into 3 shards, each of which runs with --shard I/3"),
      (1, 4, "it is divided into 1 shard, not 4"),
      (1, nil, "it is divided into 1 shard, which runs with --shard 0/1"),
      (nil, 4, "it is not divided into shards"),
    ] as [(Int?, Int?, String)])
  func anotherDivisionIsSaid(found: Int?, now: Int?, words: String) {
    let error = StreamError.workspaceOfAnotherJob(
      path: "out.h5", workspace: "out.h5.partial", differences: [.shards(found: found, now: now)])
    #expect(error.description.contains("the unfinished work of another job: \(words); run that job"))
  }

  /// Of the shards that one waits for five are named, and the rest is counted only where there is one.
  @Test(
    arguments: [
      ([2], "shard 2 has done its"), ([0, 2], "shards 0, 2 have done theirs"),
      ([0, 2, 3, 4, 5], "shards 0, 2, 3, 4, 5 have done theirs"),
      ([0, 2, 3, 4, 5, 6, 7], "shards 0, 2, 3, 4, 5 and 2 more have done theirs"),
    ] as [([Int], String)])
  func whatIsMissingIsNamed(missing: [Int], words: String) throws {
    let shard = try #require(Shard(index: 1, count: 9))
    let waits = StreamError.waitsForShards(
      path: "out.h5", workspace: "out.h5.partial", shard: shard, missing: missing)
    #expect(
      waits.description
        == "out.h5: shard 1/9 shares batches with others and has done its first turn, in out.h5.partial; run it again when "
        + "\(words), or with --wait")
  }

  /// All that makes a job another one is said, and of its settings each.
  @Test func everyDifferenceIsSaid() {
    let error = StreamError.outputOfAnotherJob(
      path: "out.h5",
      differences: [.program(found: "1", now: "2"), .input, .configuration(["epsilon", "momentum"]), .plan])
    #expect(
      error.description
        == "out.h5: is finished, but by another job: bn-stream was 1, now it is 2; the input has another size or time of change; "
        + "other values of epsilon, momentum; the input's layers or their settings are others; choose another --out, or "
        + "replace it with --force")
  }

  /// What needs more than any machine has is said, too; the limit that would do is rounded up.
  @Test(arguments: [(Int.max, 8_796_093_022_208), (3 << 20, 3), ((3 << 20) + 1, 4), (1, 1)] as [(Int, Int)])
  func aLimitThatWouldDoIsSaid(need: Int, mebibytes: Int) {
    let error = StreamError.needsMemory(
      file: "in.h5", layer: "/a", need: need, limit: 0, what: .covariance(features: 1 << 30))
    #expect(error.description.hasSuffix("; give --memory \(mebibytes)MiB"))
  }

  /// One sample, one entry and one byte are said so.
  @Test func whatIsOneIsNoPlural() {
    func memory(_ use: StreamError.MemoryUse) -> String {
      StreamError.needsMemory(file: "in.h5", layer: "/a", need: 3 << 20, limit: 1 << 20, what: use)
        .description
    }
    #expect(
      memory(.smallestPart(samples: 1)).hasPrefix(
        "in.h5: the smallest part of a batch (1 sample) of /a needs "))
    #expect(
      memory(.graph(batch: 0, samples: 1))
        .hasPrefix("in.h5: the graph of batch 0 (1 sample, every node in double precision) of /a needs "))
    #expect(
      memory(.allSamples(1)).hasPrefix("in.h5: holding the only sample, in double precision, of /a needs "))
    #expect(
      memory(.covariance(features: 1))
        .hasPrefix("in.h5: the variance of the only feature and its decomposition of /a needs "))
    func offsets(_ problem: StreamError.OffsetsProblem) -> String {
      StreamError.offsetsInvalid(file: "in.h5", dataset: "/a/o", problem: problem).description
    }
    #expect(
      offsets(.tooFew(count: 1)).hasPrefix(
        "in.h5: /a/o has 1 entry; it needs one more than there are batches"))
    #expect(
      offsets(.lastIsNotSampleCount(last: 5, samples: 1))
        .hasPrefix("in.h5: /a/o ends with 5, but there is 1 sample; the last boundary"))
    #expect(
      StreamError.labelsInvalid(
        file: "in.h5", dataset: "/a/l", problem: .notOneForEachSample(shape: [2], samples: 1)
      ).description
        == "in.h5: /a/l has shape [2], but there is 1 sample, which has one class; write it with shape [1]")
    #expect(
      StreamError.chunkDamaged(
        path: "in.h5", dataset: "/a/x", chunk: [0, 0], .wrongLength(1, expected: 64)
      ).description.contains(": it has 1 byte instead of 64; "))
  }

  /// Who has locked a file is not always known, and a quota that is used up is a disk without room.
  @Test func whatTheSystemSays() {
    #expect(
      StreamError.inputLocked(path: "in.h5", []).description
        == "in.h5: is open in another program, which may be writing it; close it there, or wait until that has ended"
    )
    let full = StreamError.writeFailed(path: "out.h5", .init(rawValue: EDQUOT)).description
    #expect(full.hasPrefix("out.h5: writing failed: "), "\(full)")
    #expect(full.hasSuffix("; make room on the disk and run again"), "\(full)")
    let other = StreamError.writeFailed(path: "out.h5", .init(rawValue: EIO)).description
    #expect(other.hasSuffix("; check the disk and run again"), "\(other)")
  }

  /// An error that nobody has words for.
  private struct Unheard: Error, CustomStringConvertible {
    let description = "odd\u{1B}[2J"
  }

  /// It is the program's fault and no file's, and nothing in it passes for a command to the terminal.
  @Test func anUnheardErrorIsABug() {
    let failure = Failure(Unheard())
    #expect(
      failure.message
        == #"odd\x1B[2J; this is a bug in bn-stream, please report it with the command line"#)
    #expect(failure.status.rawValue == 70)
  }

  /// Who ended the worker, in which files the fault may be, and what is left of its work.
  @Test(
    arguments: [
      (
        .libraryCrashed(inputs: ["a.h5", "b.h5", "c.h5"], function: "H5Dread", signal: SIGBUS),
        .badInput,
        "a.h5 or b.h5 or c.h5: the HDF5 library crashed in H5Dread (SIGBUS), so the file is damaged, or made to do that; "
          + "copy or write it anew"
      ),
      (
        .libraryLoops(inputs: ["a.h5", "b.h5"], function: "H5Gopen2"), .badInput,
        "a.h5 or b.h5: the HDF5 library does not come back from H5Gopen2, so the file is damaged, or made to do that; "
          + "copy or write it anew"
      ),
      (
        .killed(signal: SIGALRM, workspace: "out.h5.partial"), .interrupted,
        "ended by SIGALRM; what is finished is in out.h5.partial, run the same command to go on"
      ),
      (
        .killed(signal: SIGVTALRM, workspace: nil), .interrupted,
        "ended by SIGVTALRM; no output was written, run the same command to start again"
      ),
      (
        .killed(signal: SIGKILL, workspace: "out.h5.partial"), .interrupted,
        "killed, perhaps for lack of memory; what is finished is in out.h5.partial, run the same command to go on, perhaps with a "
          + "smaller --memory"
      ),
      (
        .crashed(signal: 64), .internal,
        "crashed (signal 64); this is a bug in bn-stream, please report it with the command line"
      ),
    ] as [(WorkerDeath, bn_stream.ExitStatus, String)])
  func howAWorkerEnded(death: WorkerDeath, status: bn_stream.ExitStatus, words: String) {
    #expect(death.description == words)
    #expect(death.exitStatus == status)
  }

  /// A device that fails is told from a file that is damaged by what the library's records say of the system.
  @Test(arguments: [
    ("errno = 5, error message = 'Input/output error'", bn_stream.ExitStatus.inputOutput),
    ("errno = 116, error message = 'Stale file handle'", .inputOutput), ("address overflowed", .badInput),
  ])
  func whatTheSystemCannotReadIsNoBadData(detail: String, status: bn_stream.ExitStatus) {
    let frames = ["not able to read", "file read failed: time = 1, filename = 'in.h5', \(detail)"].map {
      HDF5Error.Frame(function: "H5FD__sec2_read", description: $0, detail: $0, line: 1)
    }
    let error = HDF5Error(function: "H5Dread", attempt: "read /layer/activations", stack: frames)
    #expect(StreamError.libraryReadFailed(path: "in.h5", error).exitStatus == status)
  }
}
