import HDF5

/// An HDF5 file that is open for reading, through the library and around it.
package struct InputFile: Sendable {
  /// As the user gave it, for messages.
  package let path: String
  /// The file as the HDF5 library sees it.
  package let library: File
  package let positional: PositionalFile
  /// The file as it was when it was opened.
  package let status: FileStatus

  /// Opens a file.
  /// - Throws: `StreamError` if it is missing, no regular file, or not complete HDF5.
  package init(path: String) throws(StreamError) {
    self.path = path
    guard let found = FileLayer.current.status(at: path) else { throw .noSuchInput(path: path) }
    guard found.isRegularFile else { throw .inputIsNotAFile(path: path) }
    positional = try PositionalFile(reading: path)
    status = try positional.status()
    let library: File?
    do {
      library = try File.isHDF5(path) ? File(reading: path) : nil
    } catch {
      throw .opening(positional, status, error)
    }
    guard let library else { throw .inputIsNotHDF5(path: path) }
    self.library = library
  }

  /// Throws if the file was changed since it was opened: results would mix old and new data.
  package func checkIsUnchanged() throws(StreamError) {
    let now = try positional.status()
    if now != status || positional.statusOfName() != status { throw .inputChanged(path: path) }
  }

  /// What a user should know though nothing is wrong.
  package var warnings: [StreamWarning] {
    library.openedWithoutLock ? [.inputNotLocked(path: path)] : []
  }
}
