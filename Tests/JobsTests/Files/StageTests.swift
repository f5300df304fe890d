import ChunkCodec
import Configuration
import Foundation
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import LayerFiles

/// Where the time of a run goes is told by stage: of each way in which data is stored, what is done with it.
@Suite(.timeLimit(.minutes(30))) struct StageTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Activations of [64, 8].
  private func layer(_ storage: StorageRequest, isWritten: Bool = true) throws -> Layer {
    let file = try File(anew: folder.path("in.h5"))
    let dataset = try file.root.createGroup("layer").createDataset(
      "activations", type: .float32, shape: [64, 8], storage: storage)
    if isWritten { try dataset.writeDoubles((0..<512).map { Double($0 % 97) }) }
    try dataset.close()
    try file.close()
    let job = Job(
      input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false)
    return try #require(try JobPlan(job).layers.first)
  }

  /// The stages that took any time.
  private static func stages(_ clock: StageClock) -> [String] {
    let times = clock.times
    let all: [(name: String, seconds: Double?)] = [
      ("read", times.read), ("decode", times.decode), ("compute", times.compute), ("encode", times.encode),
      ("write", times.write), ("wait", times.wait),
    ]
    return all.filter { ($0.seconds ?? 0) > 0 }.map { $0.name }
  }

  /// What takes more than a second counts whole seconds, too.
  @Test func secondsAreSeconds() {
    let clock = StageClock()
    clock.measure(.wait) { Thread.sleep(forTimeInterval: 1.25) }
    #expect(clock.times.wait ?? 0 >= 1.25)
  }

  private let all = TensorPart(samples: 0..<64, features: 0..<8)

  /// Contiguous, chunks that are wanted whole, chunks that are put together, and what was never written.
  @Test(
    arguments: [
      (.contiguous, true, ["read"]),
      (.chunked(shape: [16, 8], filters: [.deflate(level: 1)]), true, ["read", "decode"]),
      (.chunked(shape: [16, 5], filters: [.deflate(level: 1)]), true, ["read", "decode"]),
      (.chunked(shape: [16, 8], filters: []), false, ["decode"]),
    ] as [(StorageRequest, Bool, [String])])
  func ofReading(storage: StorageRequest, isWritten: Bool, expected: [String]) throws {
    let layer = try layer(storage, isWritten: isWritten)
    let reader = try layer.activations.reader(
      layer.layout, featureAxis: layer.featureAxis, readsSlices: false, workers: 1, memory: 1 << 30)
    let (clock, buffer) = (StageClock(), try AlignedBuffer(byteCount: 64 * 8 * 4))
    for _ in 0..<100 { try reader.read(all, into: buffer.bytes, clock: clock) }
    #expect(Self.stages(clock) == expected)
  }

  /// Compression is no writing: a chunk that nobody keeps is only compressed, and its copy is written.
  @Test func ofWriting() throws {
    let layer = try layer(.contiguous)
    let buffer = try AlignedBuffer(byteCount: 64 * 8 * 4)
    _ = buffer.bytes.initializeMemory(as: UInt8.self, repeating: 7)
    func stages(_ writer: (StageClock) throws -> any TensorWriter) throws -> [String] {
      let clock = StageClock()
      try writer(clock).write(all, from: UnsafeRawBufferPointer(buffer.bytes))
      return Self.stages(clock)
    }
    let file = try PositionalFile(
      writing: folder.path("data"), for: "out.h5", creates: true, beginsWriteback: false)
    let contiguous = try stages { clock in
      ContiguousWriter(file: file, offset: 0, layout: layer.layout, elementByteCount: 4, clock: clock)
    }
    #expect(contiguous == ["write"])
    func chunked(_ spool: Spool?) throws -> [String] {
      try stages { clock in
        ChunkedWriter(
          filters: [.deflate(level: 1)], samplesPerChunk: 16, sampleCount: 64, sampleByteCount: 32,
          samples: 0..<64, keptSamples: 0, sequence: nil, index: 0, spool: spool, clock: clock)
      }
    }
    #expect(try chunked(nil) == ["encode"])
    let spool = try Spool(folder.path("spool"), for: "out.h5", beginsWriteback: false)
    #expect(try chunked(spool) == ["encode", "write"])
  }
}
