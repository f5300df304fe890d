import HDF5
import Testing

@Suite(.timeLimit(.minutes(30))) struct LibraryTests {
  @Test func preparesAnyNumberOfTimes() throws {
    try HDF5Library.prepare()
    try HDF5Library.prepare()
    #expect(HDF5Library.version.split(separator: ".").count == 3)
  }
}
