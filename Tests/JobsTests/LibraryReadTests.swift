import CHDF5
import Configuration
import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import HDF5

/// Numbers of unusual types are read by the HDF5 library alone, in pieces of 16 MiB.
@Suite(.timeLimit(.minutes(30))) struct LibraryReadTests {
  /// Integers of 12 bits, and the same in a usual type: 18 MiB in one batch.
  @Test(arguments: ["1GiB", "40MiB"]) func largeBatchesAreThoseOfAUsualType(memory: String) throws {
    let folder = try TemporaryFolder()
    let shape = [9000, 1024]
    let count = shape[0] * shape[1]
    var values = (0..<count).map { Int16(truncatingIfNeeded: ($0 &* 7919) % 4096 - 2048 + $0 / (count / 2)) }
    for index in stride(from: 0, to: count, by: 4097) { values[index] = 0 }
    values = values.map { min($0, 2047) }
    let file = try File(anew: folder.path("in.h5"))
    for (name, bits) in [("usual", 16), ("unusual", 12)] {
      let layer = try file.root.createGroup(name)
      let space = try Dataspace.simple(shape, to: "test")
      let stored = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_integer_type(2, 1, 0)) }
      H5Tset_precision(stored.identifier, bits)
      let dataset = H5Dcreate2(
        layer.object.identifier, "activations", stored.identifier, space.identifier, 0, 0, 0)
      #expect(H5Dwrite(dataset, chdf5_integer_type(2, 1, 0), 0, 0, 0, values) >= 0)
      #expect(H5Dclose(dataset) >= 0)
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": "all", "outputs": ["output", "population"], "threads": 2, "memory": "\#(memory)", "sync": false}
        """#, source: "test")
    _ = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let root = try File(reading: folder.path("out.h5")).root
    let (usual, unusual) = (try root.group("usual"), try root.group("unusual"))
    for name in ["population_mean", "population_var", "output"] {
      #expect(try unusual.dataset(name).readDoubles() == usual.dataset(name).readDoubles(), "\(name)")
    }
    let sum = try usual.dataset("population_mean").readDoubles().reduce(0, +)
    let expected = Double(values.reduce(0) { $0 + Int($1) }) / Double(shape[0])
    #expect(abs(sum - expected) <= 1e-9 * abs(expected))
  }
}
