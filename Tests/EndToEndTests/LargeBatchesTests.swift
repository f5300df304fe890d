import HDF5
import TestSupport
import Testing

/// Batches that are cut before they are computed. Contiguous data is read and written in pieces of some 256 KiB of x, as the
/// kernels see it: 65,536 float32 or 32,768 float64. All threads share a batch in segments of up to 4 MiB of x, and of less
/// where memory is short; what does not stay in memory is read a second time.
@Suite(.timeLimit(.minutes(30))) struct LargeBatchesTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let name: String
    let shape: [Int]
    var featureAxis = 1
    var type = NumericType.Kind.float32
    /// Two batches, and a smaller third one, none of them a multiple of a piece.
    let batchSize: Int

    var testDescription: String { "\(name) \(shape)" }
  }

  /// Each way in which the kernels see data, in Float and in Double: wide rows; rows that are folded to fill a vector;
  /// short runs; long runs; channels last; features in the middle.
  static let shapes = [
    // Pieces of 218 samples: three and a tail of 46; 300 features are not a multiple of eight.
    Shape(name: "wide", shape: [1500, 300], batchSize: 700),
    // 32 rows are folded into one, a unit is 8192 samples, a piece two units: five pieces and a tail.
    Shape(name: "folded", shape: [190_007, 3], batchSize: 90_001),
    // A piece is eight units of 8 samples.
    Shape(name: "short runs", shape: [500, 37, 20], batchSize: 230),
    // A piece is 9 samples of 930 positions: four and a tail of 4.
    Shape(name: "long runs", shape: [90, 7, 30, 31], batchSize: 40),
    Shape(name: "channels last", shape: [58, 14, 14, 61], featureAxis: -1, batchSize: 25),
    Shape(name: "middle", shape: [70, 3, 20, 4, 9], featureAxis: 2, batchSize: 31),
    Shape(name: "wide doubles", shape: [700, 301], type: .float64, batchSize: 320),
    Shape(name: "folded doubles", shape: [90_001, 5], type: .float64, batchSize: 40_003),
    Shape(name: "long runs of doubles", shape: [60, 7, 30, 31], type: .float64, batchSize: 25),
    Shape(
      name: "short runs of doubles", shape: [130, 5, 41, 11], featureAxis: 2, type: .float64, batchSize: 60),
  ]

  /// One thread has a batch at a time; of two and more, each has one, or all share one.
  @Test(.timeLimit(.minutes(30)), arguments: shapes)
  func inPieces(shape: Shape) throws {
    let passes = try expectEveryResult(
      of: [shape.layer(seed: 21)], Settings(batchSize: shape.batchSize),
      [Arrangement(1), Arrangement(2), Arrangement(3), Arrangement(7)])
    #expect(passes == [[1], [1], [1], [1]])
  }

  /// The same kinds of layouts, with 12 MiB of x and dy in one batch.
  static let largerShapes = [
    Shape(name: "wide", shape: [7003, 200], batchSize: 3000),
    Shape(name: "folded", shape: [500_003, 3], batchSize: 230_001),
    Shape(name: "short runs", shape: [1501, 50, 20], batchSize: 700),
    Shape(name: "long runs", shape: [201, 8, 30, 31], batchSize: 90),
    Shape(name: "channels last", shape: [130, 14, 14, 61], featureAxis: -1, batchSize: 61),
    Shape(name: "wide doubles", shape: [3503, 200], type: .float64, batchSize: 1700),
    Shape(name: "folded doubles", shape: [150_001, 5], type: .float64, batchSize: 70_003),
    Shape(name: "long runs of doubles", shape: [111, 7, 30, 31], type: .float64, batchSize: 50),
    Shape(
      name: "middle, short runs of doubles", shape: [330, 5, 20, 20], featureAxis: 2, type: .float64,
      batchSize: 150),
  ]

  /// One batch that memory cannot hold: the program takes 16 MiB for itself, and what is left are buffers. Segments have some
  /// hundred KiB, the last one is a part, few or none stay in memory, and the others are read again.
  @Test(.timeLimit(.minutes(30)), arguments: largerShapes)
  func inSegmentsThatAreReadTwice(shape: Shape) throws {
    let passes = try expectEveryResult(
      of: [shape.layer(seed: 22)], Settings(momentum: nil),
      [Arrangement(1, "24MiB"), Arrangement(3, "24MiB"), Arrangement(7, "23MiB")])
    #expect(passes == [[2], [2], [2]])
  }

  /// The second batch of three begins where no segment of the file does, and uses the buffers of the first one.
  @Test(.timeLimit(.minutes(30)), arguments: [largerShapes[1], largerShapes[3], largerShapes[5]])
  func severalBatchesInSegments(shape: Shape) throws {
    let passes = try expectEveryResult(
      of: [shape.layer(seed: 23)], Settings(batchSize: shape.batchSize), [Arrangement(3, "20MiB")])
    #expect(passes == [[2]])
  }

  /// 11 MiB of x: segments as large as they get, two or three whole ones and a part, in many pieces each.
  @Test(.timeLimit(.minutes(30)), arguments: [[1441, 1000], [360, 4, 31, 32]])
  func inSegmentsOfFullSize(shape: [Int]) throws {
    let layer = InputLayer(shape, type: .float64, gradientType: .float32, seed: 24)
    let passes = try expectEveryResult(
      of: [layer], Settings(), [Arrangement(2), Arrangement(7), Arrangement(3, "40MiB")])
    #expect(passes == [[1], [1], [2]])
  }

  /// A batch that is read at once is computed in tiles of features, of which x and dy take 256 KiB: here 42 groups of eight
  /// features of 125; the planes' tiles are 4 groups of 5.
  @Test(.timeLimit(.minutes(30)), arguments: [([200, 1000], 48), ([64, 37, 8, 8], 20)] as [([Int], Int)])
  func inTilesOfFeatures(shape: [Int], batchSize: Int) throws {
    try expectEveryResult(
      of: [InputLayer(shape, type: .float32, gradientType: .float64, seed: 25)],
      Settings(batchSize: batchSize), [Arrangement(1), Arrangement(2)])
  }
}

extension LargeBatchesTests.Shape {
  func layer(seed: UInt64) -> InputLayer {
    InputLayer(
      shape, featureAxis: featureAxis, type: .native(type), gradientType: .native(type), seed: seed)
  }
}
