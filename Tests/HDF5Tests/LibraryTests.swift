import CHDF5
import HDF5
import Testing

@Suite(.timeLimit(.minutes(30))) struct LibraryTests {
  /// A plugin is code that a file can ask for by a filter's number.
  @Test func loadsNoPlugins() throws {
    try HDF5Library.prepare()
    var state: UInt32 = .max
    #expect(H5PLget_loading_state(&state) >= 0)
    #expect(state == 0)
  }

  @Test func preparesAnyNumberOfTimes() throws {
    try HDF5Library.prepare()
    try HDF5Library.prepare()
    #expect(HDF5Library.version.split(separator: ".").count == 3)
  }

  /// As its header, with which it has to agree: the library ends a program that was built with another one's.
  @Test func theVersionIsThatOfTheHeader() {
    let numbers = [Int(H5_VERS_MAJOR), Int(H5_VERS_MINOR), Int(H5_VERS_RELEASE)]
    #expect(HDF5Library.version == "\(numbers[0]).\(numbers[1]).\(numbers[2])")
  }
}
