import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// Where datasets lie, as a ledger keeps it for a run that goes on.
@Suite(.timeLimit(.minutes(30))) struct DatasetPlacesTests {
  /// One that begins with the file, one that is empty and so lies nowhere, and those that are no contiguous datasets are three things.
  @Test func comeBackAsTheyWere() throws {
    let layers = try SmallJob().plan().layers
    try #require(layers.count == 2)
    let offsets: [[LayerResult: Int64?]] = [
      [.output: 0, .gradInput: nil, .gradGamma: 1 << 40], [.populationMean: 4096],
    ]
    let read = try DatasetPlaces(DatasetPlaces(offsets).bytes, layers).offsets
    #expect(read == offsets)
  }

  /// What is of other layers is refused.
  @Test func ofOtherLayersAreNone() throws {
    let layers = try SmallJob().plan().layers
    let bytes = DatasetPlaces([[.output: 0], [.output: 4096], [:]]).bytes
    #expect(throws: RecordReader.Malformed.self) { try DatasetPlaces(bytes, layers) }
  }
}
