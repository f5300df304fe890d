import Configuration
import Foundation
import HDF5
import Jobs
import StrictJSON
import TestSupport
import Testing

/// How the work is divided shows in no bit of the output.
@Suite(.serialized, .timeLimit(.minutes(30))) struct SameBytesTests {
  /// Threads and memory limits: 20 MiB is enough for the program's own needs and few buffers, 26 MiB for some more, and
  /// 1 GiB for everything at once.
  static let arrangements = [
    (1, "1GiB"), (1, "20MiB"), (2, "26MiB"), (2, "1GiB"), (3, "20MiB"), (8, "26MiB"), (64, "20MiB"),
    (64, "1GiB"),
  ]
  static let divisions = [
    #""batch_size": "all""#, #""batch_size": 256"#, #""datasets": {"batch_offsets": "offsets"}"#,
  ]

  @Test(arguments: [GeneratedLayer.dense, .narrow, .planes], divisions)
  func forAnyThreadsAndMemory(layer: GeneratedLayer, division: String) throws {
    let folder = try TemporaryFolder()
    try layer.write(to: folder.path("input.h5"))
    var first: Data?
    var passes: Set<Int> = []
    for (threads, limit) in Self.arrangements {
      let configuration = try JobConfiguration(
        json: #"{\#(division), "threads": \#(threads), "memory": "\#(limit)", "sync": false}"#, source: "test"
      )
      let summary = try run(folder.path("input.h5"), to: folder.path("output.h5"), configuration)
      passes.insert(summary.layers[0].passes)
      let bytes = try Data(contentsOf: folder.url.appending(path: "output.h5"))
      #expect(bytes == first ?? bytes, "\(threads) threads, \(limit) MiB")
      first = first ?? bytes
      try FileManager.default.removeItem(atPath: folder.path("output.h5"))
    }
    if !division.contains("256") { #expect(passes == [1, 2]) }
  }

  /// Pieces, tiles and segments of what has to be decoded, encoded and masked, and statistics that are used again after a batch
  /// with numbers that are not finite; in chunks, which are read at once, too.
  @Test(arguments: GeneratedLayer.irregular, [#""all""#, "1000"])
  func forIrregularLayers(layer: GeneratedLayer, batchSize: String) throws {
    let folder = try TemporaryFolder()
    var chunked = layer
    chunked.chunks = .chunked(shape: [64] + layer.shape.dropFirst(), filters: [.deflate(level: 1)])
    try layer.write(to: folder.path("contiguous.h5"))
    try chunked.write(to: folder.path("chunked.h5"))
    for outputType in ["float16", "float64"] {
      var first: (path: String, summary: LayerSummary)?
      for (index, arrangement) in [(1, "1GiB"), (2, "64MiB"), (3, "28MiB"), (8, "1GiB")].enumerated() {
        let configuration = try JobConfiguration(
          json: #"""
            {"batch_size": \#(batchSize), "output_type": "\#(outputType)", "nonfinite": "count", "sync": false,
             "outputs": ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches", "diagnostics"],
             "threads": \#(arrangement.0), "memory": "\#(arrangement.1)"}
            """#, source: "test")
        for name in ["contiguous", "chunked"] {
          let path = folder.path("\(outputType)-\(index)-\(name).h5")
          let summary = try run(folder.path("\(name).h5"), to: path, configuration).layers[0]
          if let first {
            // What was counted, and what diagnostics found, is the same however much is read at once.
            var same = summary
            same.passes = first.summary.passes
            #expect(same.withoutCost == first.summary.withoutCost, "\(path)")
            try expectEqualBytes(
              File(reading: first.path).root.group("layer"), File(reading: path).root.group("layer"))
          } else {
            #expect(summary.nonfiniteInputs == (layer.isIrregular ? 2 : 0))
            first = (path, summary)
          }
        }
      }
    }
  }

  /// Of a layer that little memory divides into slices of its features all slices count, each once.
  @Test func summariesOfLayersInSlices() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("input.h5")
    let (samples, features) = (120, 20_000)
    var numbers = (0..<samples * features).map { Float($0 * 7919 % 1009) / 64 }
    numbers[5 * features + 19_000] = .nan
    let file = try File(anew: path)
    let layer = try file.root.createGroup("layer")
    for name in ["activations", "grad_output"] {
      try numbers.withUnsafeBytes {
        try layer.createDataset(name, type: .float32, shape: [samples, features], storage: .contiguous)
          .write(leading: 0..<samples, as: .float32, from: $0)
      }
      numbers.reverse()
    }
    try layer.createDataset("mask", type: .native(.int8), shape: [samples], storage: .contiguous)
      .writeIntegers((0..<samples).map { $0 % 8 == 3 ? 0 : 1 })
    try file.close()
    var first: LayerSummary?
    for (threads, memory) in [(1, "1GiB"), (1, "40MiB"), (3, "48MiB")] {
      let configuration = try JobConfiguration(
        json: #"""
          {"batch_size": 12, "outputs": ["grad_input", "population", "diagnostics"], "sync": false,
           "threads": \#(threads), "memory": "\#(memory)"}
          """#, source: "test")
      let output = folder.path("\(threads)-\(memory).h5")
      var summary = try run(path, to: output, configuration).layers[0]
      #expect(summary.maskedPositions == 15 && summary.diagnostics != nil)
      if let first {
        summary.passes = first.passes
        #expect(summary.withoutCost == first.withoutCost, "\(memory)")
      }
      first = first ?? summary
    }
  }

  @Test(arguments: [GeneratedLayer.dense, .planes])
  func forContiguousAndChunkedCopies(layer: GeneratedLayer) throws {
    let folder = try TemporaryFolder()
    var chunked = layer
    chunked.chunks = .chunked(
      shape: [100] + layer.shape.dropFirst().map { ($0 + 1) / 2 }, filters: [.shuffle, .deflate(level: 1)])
    let configuration = try JobConfiguration(
      json: #"{"batch_size": 1000, "memory": "32MiB", "sync": false}"#, source: "test")
    for (layer, name) in [(layer, "contiguous"), (chunked, "chunked")] {
      try layer.write(to: folder.path("\(name).h5"))
      try run(folder.path("\(name).h5"), to: folder.path("\(name)-output.h5"), configuration)
    }
    let contiguous = try File(reading: folder.path("contiguous-output.h5")).root.group("layer")
    let other = try File(reading: folder.path("chunked-output.h5")).root.group("layer")
    try expectEqualBytes(contiguous, other)
  }

  /// Workers compress chunks, which have to lie in the file in the same order all the same.
  @Test(arguments: [
    (#""gzip": 1, "shuffle": true"#, 0), (#""lz4": true, "bitshuffle": true"#, 0),
    (#""bitshuffle": true, "gzip": 1"#, 0),
    // Zstandard's own tables take some.
    (#""zstd": 4, "shuffle": true"#, 100), (#""zstd": 2, "bitshuffle": true"#, 100),
  ])
  func forCompressedOutputs(filters: String, more: Int) throws {
    let folder = try TemporaryFolder()
    try GeneratedLayer(shape: [6001, 150]).write(to: folder.path("input.h5"))
    var first: Data?
    for (threads, limit) in [(1, 20), (2, 1024), (3, 24), (8, 26), (64, 64)] {
      let configuration = try JobConfiguration(
        json: #"""
          {"batch_size": 256, "threads": \#(threads), "memory": "\#(limit + more)MiB", "sync": false, "output_storage":
            {"layout": "chunked", "chunk_samples": 100, \#(filters), "fletcher32": true}}
          """#, source: "test")
      try run(folder.path("input.h5"), to: folder.path("output.h5"), configuration)
      let bytes = try Data(contentsOf: folder.url.appending(path: "output.h5"))
      #expect(bytes == first ?? bytes, "\(threads) threads, \(limit) MiB")
      first = first ?? bytes
      try FileManager.default.removeItem(atPath: folder.path("output.h5"))
    }
    // What was compressed is what would have been written plainly.
    try run(
      folder.path("input.h5"), to: folder.path("plain.h5"),
      JobConfiguration(json: #"{"batch_size": 256, "sync": false}"#, source: "test"))
    try #require(first).write(to: folder.url.appending(path: "output.h5"))
    try expectEqualBytes(
      File(reading: folder.path("output.h5")).root.group("layer"),
      File(reading: folder.path("plain.h5")).root.group("layer"))
  }

  /// Chunks that a library decodes, beside the same numbers uncompressed in the same file.
  @Test(arguments: [
    "lzf.h5", "lzf_shuffle.h5", "zstd.h5", "zstd_shuffle.h5", "lz4.h5", "lz4_shuffle.h5", "bitshuffle.h5",
    "bitshuffle_lz4.h5", "bitshuffle_zstd.h5", "blosc_lz4.h5", "blosc_zstd.h5",
  ])
  func forCompressedInputs(name: String) throws {
    let folder = try TemporaryFolder()
    for (file, datasets) in [
      ("compressed.h5", "{}"),
      ("plain.h5", #"{"activations": "plain_activations", "grad_output": "plain_grad_output"}"#),
    ] {
      try run(
        Repository.fixture(name), to: folder.path(file),
        JobConfiguration(json: #"{"batch_size": 6, "datasets": \#(datasets), "sync": false}"#, source: "test")
      )
    }
    try expectEqualBytes(
      File(reading: folder.path("compressed.h5")).root.group("layer"),
      File(reading: folder.path("plain.h5")).root.group("layer"))
  }
}
