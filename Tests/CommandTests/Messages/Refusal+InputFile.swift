import FileNames
import Foundation
import HDF5
import TestSupport

/// What is wrong with the input as a file, or with where its layers are.
extension Refusal {
  static let inputFiles: [Refusal] =
    locked + [
      Refusal(
        "StreamError.noSuchInput", arguments: ["--in", "absent.h5", "--out", "out.h5"], exitCode: 66,
        "absent.h5: there is no such file; check --in"),
      Refusal(
        "StreamError.noSuchInput", arguments: ["--in", "absent.h5", "--dry-run"], exitCode: 66,
        "absent.h5: there is no such file; check --in"),
      Refusal(
        "StreamError.inputIsNotAFile", arguments: ["--in", ".", "--out", "out.h5"], exitCode: 66,
        ".: is not a regular file; --in takes an HDF5 file"),
      Refusal(
        "StreamError.inputIsNotAFile", input: .made { mkfifo($0.path("in.h5"), 0o600) }, exitCode: 66,
        "in.h5: is not a regular file; --in takes an HDF5 file"),
      Refusal(
        "StreamError.inputIsNotHDF5", input: .fixture("bad/text.h5"), exitCode: 65,
        "text.h5: is not an HDF5 file, or its beginning is damaged; write it anew with h5py or another HDF5 library, or "
          + "check --in"
      ),
      Refusal(
        "StreamError.inputDamaged", input: .fixture("bad/truncated.h5"), exitCode: 65,
        "truncated.h5: cannot be opened as HDF5: ‹library›; the file is truncated or damaged: copy or write it anew"
      ),
      Refusal(
        "StreamError.inputNotClosed", input: .fixture("bad/not_closed.h5"), exitCode: 65,
        "not_closed.h5: was not closed by the program that wrote it, or is still being written; if that program has ended, make "
          + "it readable with `h5clear -s not_closed.h5`: what had not reached the disk is lost"),
      Refusal(
        "StreamError.inputNotClosed", input: .fixture("bad/not_closed_block.h5"), exitCode: 65,
        "not_closed_block.h5: was not closed by the program that wrote it, or is still being written; if that program has "
          + "ended, make it readable with `h5clear -s not_closed_block.h5`: what had not reached the disk is lost"
      ),
      // One that matches does not excuse another one that does not.
      Refusal(
        "StreamError.noLayerSelected", input: .fixture("nested.h5"),
        configuration: #"{"layers": ["c", "conv*"]}"#,
        exitCode: 65, "nested.h5: no layer matches conv*; there is /a, /a/deep/bn, /b.0/norm, /c"),
      Refusal(
        "StreamError.noLayers", input: .fixture("bad/no_layer.h5"), exitCode: 65,
        "no_layer.h5: no group holds a dataset `activations`; there is /layer/inputs [6, 3]; name yours in the configuration, "
          + #"as in {"datasets": {"activations": "inputs"}}"#),
      Refusal(
        "StreamError.noLayers", input: .fixture("bad/no_layer.h5"),
        configuration: #"{"datasets": {"activations": "acts/{layer}"}}"#, exitCode: 65,
        "no_layer.h5: no dataset lies at `acts/{layer}`, by which layers are found; there is /layer/inputs [6, 3]; correct the "
          + "configuration"),
      // Another name of theirs takes the usual one's place.
      Refusal(
        "StreamError.noLayers", input: .fixture("bad/no_layer.h5"),
        configuration: #"{"datasets": {"activations": "acts"}}"#, exitCode: 65,
        "no_layer.h5: no group holds a dataset `acts`; there is /layer/inputs [6, 3]; name yours in the configuration, as in "
          + #"{"datasets": {"activations": "inputs"}}"#),
      Refusal(
        "StreamError.noLayers", input: .made { try $0.make { try $0.add("steps", [1, 2, 3]) } },
        configuration: #"{"grouped_by": "none"}"#, exitCode: 65,
        "in.h5: no dataset of numbers at the root has two axes or more, to be the activations of a layer; there is /steps [3]; "
          + "leave grouped_by out, or say with `datasets` where layers are"),
      Refusal(
        "StreamError.noLayers", input: .made { try $0.make { _ = try $0.createGroup("layer") } },
        exitCode: 65,
        "in.h5: no group holds a dataset `activations`; name yours in the configuration, as in "
          + #"{"datasets": {"activations": "x"}}"#),
      Refusal(
        "StreamError.noLayers", input: .fixture("mixed/external_only.h5"), exitCode: 65,
        "external_only.h5: no group holds a dataset `activations`; there is /big [20, 3], /sub/small [4, 3], /sub/wide [2, 3] "
          + #"and more; name yours in the configuration, as in {"datasets": {"activations": "big"}}; passed over a link into "#
          + "other files, which are not opened: /bn1 (part.h5:/bn1)"),
      // The largest come first, and a vector, however long, is no candidate.
      Refusal(
        "StreamError.noLayers",
        input: .made { program in
          try program.make { root in
            try root.add("counts", Array(repeating: 1, count: 100))
            for (name, samples) in [("early", 2), ("middle", 6), ("recent", 20)] {
              try root.add(name, Group.numbers([samples, 3], seed: 1), shape: [samples, 3])
            }
          }
        },
        exitCode: 65,
        "in.h5: no group holds a dataset `activations`; there is /recent [20, 3], /middle [6, 3], /early [2, 3]; name yours in "
          + #"the configuration, as in {"datasets": {"activations": "recent"}}"#),
      // What was passed over may be what was meant.
      Refusal(
        "StreamError.noLayerSelected",
        input: .made { program in
          try program.make { root in
            try root.createGroup("layer").addTensors([4, 3])
            root.addExternalLink("part", to: "/bn", in: "part.h5")
          }
        },
        options: ["--layer", "part"], exitCode: 65,
        "in.h5: no layer matches part; there is /layer; passed over a link into other files, which are not opened: /part "
          + "(part.h5:/bn)"),
      Refusal(
        "StreamError.noLayerIsText",
        input: .made {
          try $0.make { root in
            for byte in [0xE9, 0xE8] as [UInt8] {
              try root.createGroup(String(fileName: [0x61, byte, 0x0A])).addTensors([4, 3])
            }
          }
        },
        exitCode: 65,
        #"in.h5: no layer has a name that is UTF-8; there is /a\xE8\x0A, /a\xE9\x0A; select those to compute, as with --layer "#
          + #"'/a\xE8\x0A'"#),
      Refusal(
        "StreamError.layerInsideResults",
        input: .made {
          try $0.make { root in
            for path in ["a", "a/b", "a/batches/c"] { try root.descendant(path).addTensors([4, 3]) }
          }
        },
        exitCode: 65,
        "in.h5: the layer /a/batches/c lies where the results of /a are written; rename its group, or run the layers one by "
          + "one with --layer"),
      Refusal(
        "StreamError.noLayerSelected", input: .fixture("nested.h5"),
        options: ["--layer", "conv*", "--layer", "/a/x"], exitCode: 65,
        "nested.h5: no layer matches conv*, /a/x; there is /a, /a/deep/bn, /b.0/norm, /c"),
      Refusal(
        "StreamError.noLayerSelected",
        input: .made {
          try $0.make { root in for name in "abcdefg" { try root.descendant("\(name)").addTensors([4, 3]) } }
        },
        configuration: #"{"layers": ["x"]}"#, exitCode: 65,
        "in.h5: no layer matches x; there is /a, /b, /c, /d, /e and 2 more"),
      Refusal(
        "StreamError.libraryReadFailed", input: .made { try $0.makeWithLayoutVersion(9) }, exitCode: 65,
        "in.h5: cannot open dataset /layer/activations: its format is newer than HDF5 \(HDF5Library.version) reads; write it "
          + #"with h5py.File(..., libver=("earliest", "v110"))"#),
      Refusal(
        "StreamError.libraryReadFailed", input: .fixture("bad/chunk_zstd_shorter_library.h5"), exitCode: 65,
        "chunk_zstd_shorter_library.h5: cannot read rows 0..<6 of /layer/activations: ‹library›; the file may be damaged"
      ),
      Refusal(
        "StreamError.libraryReadFailed", input: .fixture("bad/offsets_overflow.h5"), exitCode: 65,
        "offsets_overflow.h5: cannot read /layer/batch_offsets: 9223372036854775808 is more than a signed 64-bit integer "
          + "holds; the file may be damaged"),
    ]
}

extension Refusal {
  /// A file that another process has locked, as the HDF5 library locks what it writes.
  private static let locked: [Refusal] =
    FileManager.default.isExecutableFile(atPath: "/usr/bin/flock")
      && FileManager.default.fileExists(atPath: "/proc/locks")
    ? [
      Refusal(
        "StreamError.inputLocked", shell: #"flock rank2.h5 "$0""#, exitCode: 66,
        "rank2.h5: is open in flock (process ‹number›), which may be writing it; close it there, or wait until that has ended"
      )
    ] : []
}

extension Program {
  /// Makes an input whose activations say that they are stored in a way that no library knows yet.
  fileprivate func makeWithLayoutVersion(_ version: UInt8) throws {
    // Made by h5py in the oldest format, whose headers have no checksums.
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: path("in.h5"))
    let storage = try File(reading: path("in.h5")).root.group("layer").dataset("activations").storage
    guard case .contiguous(let offset?) = storage else { return }
    // A contiguous dataset's layout message: version 3, class 1, address, size.
    let message = Data([3, 1]) + withUnsafeBytes(of: offset.littleEndian) { Data($0) }
    try damage { bytes in
      if let place = bytes.range(of: message) { bytes[place.lowerBound] = version }
    }
  }
}
