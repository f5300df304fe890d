import HDF5
import Testing

@Suite struct LibraryTests {
  @Test func preparesAnyNumberOfTimes() throws {
    try HDF5Library.prepare()
    try HDF5Library.prepare()
    #expect(HDF5Library.version.split(separator: ".").count == 3)
  }

  #if os(Linux)
    /// In a process of its own, because it changes the whole library.
    @Test func takesAFolderOfPluginsAnyNumberOfTimes() async {
      await #expect(processExitsWith: .success) {
        let folder = try TemporaryFolder()
        try HDF5Library.loadPlugins(from: folder.url.path)
        try HDF5Library.loadPlugins(from: folder.url.path)
      }
    }
  #endif
}
