import Foundation
import HDF5
import TestSupport
import Testing

/// Why an output cannot be written: where it would lie, and how large it would be.
extension Refusal {
  static let outputs: [Refusal] =
    [
      Refusal(
        "StreamError.sameFile", arguments: ["--in", "rank2.h5", "--out", "./rank2.h5"],
        options: ["--force"],
        exitCode: 73,
        "./rank2.h5: is the file rank2.h5 itself, which is read; choose another name, what is read is never changed"
      ),
      Refusal(
        "StreamError.sameFile", arguments: ["trace", "--in", "rank2.h5", "--out", "rank2.h5", "--force"],
        exitCode: 73,
        "rank2.h5: is the file rank2.h5 itself, which is read; choose another name, what is read is never changed"
      ),
      Refusal(
        "StreamError.outputExists", input: beside { try $0.write("precious", to: "out.h5") }, exitCode: 73,
        "out.h5: exists already; choose another --out, or replace it with --force"),
      Refusal(
        "StreamError.outputExists", input: beside { try $0.write("precious", to: "out.h5") },
        arguments: ["trace", "--in", "in.h5", "--out", "out.h5"], exitCode: 73,
        "out.h5: exists already; choose another --out, or replace it with --force"),
      Refusal(
        "StreamError.outputIsFolder", arguments: ["--in", "rank2.h5", "--out", ".", "--force"],
        exitCode: 73,
        ".: is a folder; --out takes the name of a file"),
      Refusal(
        "StreamError.outputIsSpecial", input: beside { mkfifo($0.path("out.h5"), 0o600) },
        options: ["--force"], exitCode: 73,
        "out.h5: is no regular file; --out takes the name of a file, which is created"),
      Refusal(
        "StreamError.outputFolderMissing", arguments: ["--in", "rank2.h5", "--out", "nowhere/out.h5"],
        exitCode: 73,
        "nowhere/out.h5: cannot be created, there is no folder nowhere; create it first, or choose another --out"
      ),
      Refusal(
        "StreamError.outputNotCreated", input: beside { try $0.write("precious", to: "out.h5.partial") },
        exitCode: 73,
        "out.h5.partial: cannot be created: File exists; choose another --out, or check the folder's permissions"
      ),
      Refusal(
        "StreamError.outputNotCreated", arguments: ["--in", "rank2.h5", "--out", longName], exitCode: 73,
        "\(longName): cannot be created: File name too long; choose another --out, or check the folder's permissions"
      ),
      Refusal(
        "StreamError.outputBusy", input: beside { try $0.holdWorkspace() }, exitCode: 73,
        "out.h5: another run writes it, in out.h5.partial; wait for that one, or choose another --out"),
      Refusal(
        "StreamError.shardBusy", input: beside { try $0.holdWorkspace(shard: "shard-1-of-4.lock") },
        options: ["--shard", "1/4"], exitCode: 75,
        "out.h5: another process works on shard 1/4, in out.h5.partial; run again when it has ended, or with --wait"
      ),
      Refusal(
        "StreamError.waitsForShards", input: beside(samples: 30_000) { _ in },
        options: ["--batch-size", "all", "--shard", "1/3"], leaves: ["out.h5.partial"], exitCode: 75,
        "out.h5: shard 1/3 shares batches with others and has done its first turn, in out.h5.partial; run it again when "
          + "shards 0, 2 have done theirs, or with --wait"),
      Refusal(
        "StreamError.shardDamaged", input: beside(samples: 8) { try $0.damageShard() },
        options: ["--batch-size", "2", "--shard", "1/2"], exitCode: 75,
        "out.h5: what shard 0/2 wrote in out.h5.partial is not there any more as it was written; run --shard 0/2 again"
      ),
      Refusal(
        "StreamError.outputOfAnotherJob", input: beside { try $0.write("precious", to: "out.h5") },
        options: ["--resume"], exitCode: 73,
        "out.h5: is finished, but by another job: it does not say which; choose another --out, or replace it with --force"
      ),
      Refusal(
        "StreamError.workspaceOfAnotherJob",
        input: beside { program in
          try FileManager.default.createDirectory(
            at: program.folder.appending(path: "out.h5.partial"), withIntermediateDirectories: false)
          for name in ["lock", "data.h5", "ledger"] { try program.write("", to: "out.h5.partial/\(name)") }
          try program.write("{}", to: "out.h5.partial/job.json")
        }, exitCode: 73,
        "out.h5: out.h5.partial holds the unfinished work of another job: it does not say which; run that job to finish it, "
          + "start over with --force, or choose another --out"),
      // What a shard of three has finished.
      Refusal(
        "StreamError.workspaceOfAnotherJob", input: beside(samples: 8) { try $0.doShard("0/3") },
        options: ["--batch-size", "2", "--shard", "0/4"], exitCode: 73,
        "out.h5: out.h5.partial holds the unfinished work of another job: it is divided into 3 shards, not 4; run that job to "
          + "finish it, start over with --force, or choose another --out"),
      Refusal(
        "StreamError.workspaceOfAnotherJob", input: beside(samples: 8) { try $0.doShard("0/3") },
        options: ["--batch-size", "2"], exitCode: 73,
        "out.h5: out.h5.partial holds the unfinished work of another job: it is divided into 3 shards, each of which runs with "
          + "--shard I/3; run that job to finish it, start over with --force, or choose another --out"),
      Refusal(
        "StreamError.outputTakenOver", input: .made { try $0.makeManyLayers() },
        meanwhile: { program, _ in unlink(program.path("out.h5.partial/data.h5")) }, exitCode: 73,
        "out.h5: somebody removed or replaced the unfinished file; run again when nothing else writes to it"),
      Refusal(
        "StreamError.notEnoughSpace", input: .made { try $0.makeLargerThanTheDisk() },
        configuration: #"{"output_type": "float64", "outputs": ["output", "normalized"]}"#, exitCode: 73,
        "out.h5: needs ‹size›, but its file system has ‹size› free; make room, or write less with `outputs` in the configuration"
      ),
      Refusal(
        "StreamError.libraryWriteFailed", input: .fixture("nested.h5"), shell: #"ulimit -f 4; exec "$0""#,
        printsJSON: false, exitCode: 74,
        "out.h5: cannot write out.h5.partial/data.h5: file write failed: File too large; the file system or a limit forbids "
          + "files that large; choose another --out"),
    ] + onAFullDisk

  /// The case that only a disk of its own reaches.
  static let fullDiskCase = "StreamError.writeFailed"

  /// Calls the program where `small` is a disk of 64 KiB; nil where nobody may mount one.
  static let smallDisk: String? = {
    let shell =
      #"unshare -rm sh -c 'mount -t tmpfs -o size=64k none small && "$0" "$@"; code=$?; "#
      + #"test -z "$(ls -A small)" || code=1; exit $code' "$0""#
    let program = try? Program()
    guard let program, mkdir(program.path("small"), 0o777) == 0 else { return nil }
    return (try? program.run(shell: "\(shell) --version"))?.exitCode == 0 ? shell : nil
  }()

  /// The results fit beside nothing else, but the file has some bytes more than its results.
  private static let onAFullDisk: [Refusal] =
    smallDisk.map { shell in
      [
        Refusal(
          fullDiskCase, input: beside(samples: 2650) { mkdir($0.path("small"), 0o777) },
          arguments: ["--in", "in.h5", "--out", "small/out.h5"], shell: shell, exitCode: 74,
          "small/out.h5: writing failed: No space left on device; make room on the disk and run again"
        ),
        Refusal(
          "StreamError.notEnoughSpace", input: beside(samples: 3000) { mkdir($0.path("small"), 0o777) },
          arguments: ["--in", "in.h5", "--out", "small/out.h5"], shell: shell, exitCode: 73,
          "small/out.h5: needs ‹size›, but its file system has 64 KiB free; make room, or write less with `outputs` in the "
            + "configuration"),
        // Small results take room, too.
        Refusal(
          "StreamError.notEnoughSpace", input: beside(samples: 2000) { mkdir($0.path("small"), 0o777) },
          configuration: #"{"outputs": ["batches"], "batch_size": 2}"#,
          arguments: ["--in", "in.h5", "--out", "small/out.h5"], shell: shell, exitCode: 73,
          "small/out.h5: needs ‹size›, but its file system has 64 KiB free; make room, or write less with `outputs` in the "
            + "configuration"),
      ]
    } ?? []

  private static let longName = String(repeating: "n", count: 256)

  /// A small input in.h5, and something else in the folder.
  private static func beside(samples: Int = 4, _ make: @escaping @Sendable (Program) throws -> Void) -> Input
  {
    .made {
      try $0.make { try $0.createGroup("layer").addTensors([samples, 3], gradient: false) }
      try make($0)
    }
  }
}

extension Program {
  /// Does what a run does that writes out.h5, and keeps it up while these tests run.
  fileprivate func holdWorkspace(shard name: String = "lock") throws {
    try FileManager.default.createDirectory(
      atPath: path("out.h5.partial"), withIntermediateDirectories: false)
    let lock = open(path("out.h5.partial/\(name)"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    try #require(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
  }

  /// Does a shard of a job in batches of two, such as 0/3.
  fileprivate func doShard(_ shard: String) throws {
    let command = ["--in", "in.h5", "--out", "out.h5", "--batch-size", "2", "--shard", shard]
    try #require(try run(command).exitCode == 0)
  }

  /// Does the first of two shards, and changes what it has kept for the second.
  fileprivate func damageShard() throws {
    try doShard("0/2")
    let spool = folder.appending(path: "out.h5.partial/shard-0-of-2.spool")
    var bytes = try Data(contentsOf: spool)
    for place in bytes.indices { bytes[place] ^= 1 }
    try bytes.write(to: spool)
  }

  /// Makes an input of next to no bytes whose results in float64 would fill the disk: nothing in it was ever written.
  fileprivate func makeLargerThanTheDisk() throws {
    let attributes = try FileManager.default.attributesOfFileSystem(forPath: folder.path)
    let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
    // 1 GiB of bytes becomes twice 8 GiB. Twice as many as needed, should somebody else make room meanwhile.
    let layers = 2 + 2 * free / (16 << 30)
    try make { root in
      for index in 0..<layers {
        _ = try root.createGroup("layer\(index)").createDataset(
          "activations", type: .native(.uint8), shape: [1 << 20, 1024], storage: .contiguous)
      }
    }
  }
}
