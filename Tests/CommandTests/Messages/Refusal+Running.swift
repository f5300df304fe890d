import Foundation
import HDF5
import TestSupport
import Testing

/// What stops a run that has begun.
extension Refusal {
  static let running: [Refusal] =
    [
      Refusal(
        "StreamError.chunkDamaged", "ChunkCodecError.damaged",
        input: .fixture("bad/chunk_not_deflate.h5"),
        exitCode: 65,
        "chunk_not_deflate.h5: the chunk of /layer/activations at [0, 0] is damaged: gzip cannot decode it to its proper "
          + "length, or its checksum is wrong; write the file anew"),
      Refusal(
        "StreamError.chunkDamaged", "ChunkCodecError.damaged", input: .fixture("bad/chunk_checksum.h5"),
        exitCode: 65,
        "chunk_checksum.h5: the chunk of /layer/activations at [0, 0] is damaged: fletcher32 cannot decode it to its proper "
          + "length, or its checksum is wrong; write the file anew"),
      Refusal(
        "StreamError.chunkDamaged", "ChunkCodecError.wrongLength",
        input: layer { group in
          let dataset = try group.addChunked()
          // The mask says that gzip was skipped.
          try [UInt8](repeating: 1, count: 90).withUnsafeBytes {
            try dataset.writeChunk(at: [4, 0], filterMask: 1, from: $0)
          }
        }, exitCode: 65,
        "in.h5: the chunk of /layer/activations at [4, 0] is damaged: it has 90 bytes instead of 96; write the file anew"
      ),
      Refusal(
        "StreamError.filterParameters", input: .fixture("bad/filter_shuffle_parameters.h5"), exitCode: 65,
        "filter_shuffle_parameters.h5: /layer/activations has parameters for shuffle that do not fit its elements; the file is damaged, write it anew"
      ),
      Refusal(
        "StreamError.inputTruncated", input: .made { try $0.makeWithAChunkLargerThanTheFile() },
        exitCode: 65,
        "in.h5: ends inside /layer/activations; the file is truncated, copy or write it anew"),
      Refusal(
        "StreamError.inputChanged", input: .made { try $0.makeManyLayers() },
        meanwhile: { program, _ in
          try FileManager.default.changeTime(ofItemAtPath: program.path("in.h5"))
        }, exitCode: 74, "in.h5: was changed while it was read; run again when nothing writes to it"),
      Refusal(
        "StreamError.interrupted", input: .made { try $0.makeManyLayers() },
        meanwhile: { _, process in kill(process.processIdentifier, SIGTERM) },
        exitCode: 75, "interrupted; no output was written, run the same command to start again"),
      Refusal(
        "StreamError.interrupted", input: .made { try $0.makeManyLayers() },
        meanwhile: { _, process in kill(process.processIdentifier, SIGINT) },
        exitCode: 75, "interrupted; no output was written, run the same command to start again"),
    ] + onLinux

  /// How the process that works can die. A build with a sanitizer says something else of its own faults.
  private static var deaths: [Refusal] {
    guard !Sanitizer.isPresent else { return [] }
    func end(_ number: Int32) -> @Sendable (Program, Process) throws -> Void {
      { program, process in kill(try #require(program.worker(of: process)), number) }
    }
    return [
      Refusal(
        "WorkerDeath.crashed", input: .made { try $0.makeManyLayers() }, meanwhile: end(SIGTRAP),
        exitCode: 70,
        "crashed (SIGTRAP); this is a bug in bn-stream, please report it with the command line"),
      Refusal(
        "WorkerDeath.killed", input: .made { try $0.makeManyLayers() }, meanwhile: end(SIGKILL),
        exitCode: 75,
        "killed, perhaps for lack of memory; no output was written, give a smaller --memory or run it again"),
    ]
      + (HDF5Version.isOld
        ? [
          Refusal(
            "WorkerDeath.libraryCrashed", input: .fixture("bad/library_crash.h5"), exitCode: 65,
            SupervisorTests.crash),
          Refusal(
            "WorkerDeath.libraryLoops", input: .fixture("bad/library_loop.h5"), exitCode: 65,
            "library_loop.h5: the HDF5 library does not come back from H5Aread, so the file is damaged, or made to do that; "
              + "copy or write it anew"),
        ] : [])
  }

  private static var onLinux: [Refusal] {
    #if os(Linux)
      deaths + [
        // Samples of 256 MiB, and a process that may have 400 MiB in all.
        Refusal(
          "StreamError.outOfMemory",
          input: layer {
            _ = try $0.createDataset(
              "activations", type: .float32, shape: [2, 1, 1 << 26], storage: .contiguous)
          },
          options: ["--memory", "64GiB", "--threads", "1"], shell: #"ulimit -v 400000; exec "$0""#,
          exitCode: 70, "the system has no ‹size› of memory left; give a smaller --memory")
      ]
        + [
          ["--in", "rank2.h5", "--dry-run"], ["--in", "rank2.h5", "--dry-run", "--json"],
          ["check", "--in", "rank2.h5"], ["trace", "--in", "rank2.h5", "--dot"],
          ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--batch-size", "4", "--json"],
        ].map { lost(arguments: $0) }
        + [
          lost(arguments: ["--in", "rank2.h5", "--out", "out.h5"], leaves: ["out.h5"]),
          lost(arguments: ["--in", "rank2.h5", "--out", "out.h5", "--json"], leaves: ["out.h5"]),
          lost(arguments: ["trace", "--in", "rank2.h5", "--out", "out.h5"], leaves: ["out.h5"]),
          crowded(["--in", "rank2.h5", "--out", "out.h5"]), crowded(["check", "--in", "rank2.h5"]),
          crowded(["trace", "--in", "rank2.h5", "--dot"]),
          crowded(["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--batch-size", "4"]),
        ]
    #else
      []
    #endif
  }

  /// A command that may hardly open anything.
  fileprivate static func crowded(_ arguments: [String]) -> Refusal {
    Refusal(
      "DescriptorsLacking", arguments: arguments, shell: #"ulimit -n 7; exec "$0""#, exitCode: 74,
      "only 7 files may be open at once, which are too few, or others take them; allow more with `ulimit -n 64`"
    )
  }

  /// A command whose result goes to a full disk.
  private static func lost(arguments: [String], leaves: [String] = []) -> Refusal {
    Refusal(
      "OutputLost", arguments: arguments, shell: #">/dev/full exec "$0""#, printsJSON: false, leaves: leaves,
      exitCode: 74,
      "standard output: writing failed: No space left on device; the result is lost, but a file given with --out is complete"
    )
  }
}

extension Group {
  /// Activations [8, 3] in two chunks that gzip compresses.
  @discardableResult
  fileprivate func addChunked() throws -> Dataset {
    try add(
      "activations", Self.numbers([8, 3], seed: 1), shape: [8, 3],
      storage: .chunked(shape: [4, 3], filters: [.deflate(level: 1)]))
  }
}

extension Program {
  /// The index of the chunks says of the first one that it has more bytes than the file.
  fileprivate func makeWithAChunkLargerThanTheFile() throws {
    try make { try $0.createGroup("layer").addChunked() }
    try damage { bytes in
      // A node of a version 1 B-tree for chunks: signature, type 1, level, entries, two siblings; then the first chunk's size.
      if let node = bytes.range(of: Data("TREE".utf8) + [1]) {
        bytes.replaceSubrange(node.lowerBound + 24..<node.lowerBound + 28, with: [0xFF, 0xFF, 0xFF, 0x0F])
      }
    }
  }
}
