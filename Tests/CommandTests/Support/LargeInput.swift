import Foundation
import HDF5
import TestSupport

/// An input that takes a while to run and hardly any disk: nothing in it was ever written, so it reads as zeros.
enum LargeInput {
  /// Makes the file large.h5 in the program's folder.
  /// - Parameter samples: of 4 KiB each.
  static func write(to program: Program, samples: Int = 1 << 18) throws {
    let file = try File(anew: program.path("large.h5"))
    _ = try file.root.createGroup("layer").createDataset(
      "activations", type: .float32, shape: [samples, 1024], storage: .contiguous)
    try file.close()
  }
}

extension Program {
  /// Starts the program on a large input, and returns as soon as it has begun its output.
  func startLargeRun(_ options: String...) throws -> Process {
    try LargeInput.write(to: self)
    let process = try start(["--in", "large.h5", "--out", "out.h5"] + options)
    while process.isRunning, try !files.contains(where: { $0.hasSuffix(".partial") }) {
      Thread.sleep(forTimeInterval: 0.001)
    }
    return process
  }
}
