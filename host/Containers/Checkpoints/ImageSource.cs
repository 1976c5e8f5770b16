using System.Text;
using Berth.Abstractions;
using Berth.Images;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>A checkpoint as an image: what an archive has, as the files of its layer.</summary>
internal sealed class ImageSource(ImageView view, string image) : ICheckpointSource
{
    public Task<byte[]?> ReadAsync(string name)
    {
        using var file = TryOpen(name);
        try
        {
            return Task.FromResult(file is null ? null : CheckpointParts.ReadSmall(file, name));
        }
        catch (InvalidDataException e)
        {
            throw Refuse(e.Message);
        }
    }

    public Task UnpackAsync(string folder, CancellationToken cancellationToken) => Task.Run(() => Unpack(folder, cancellationToken), CancellationToken.None);

    public ValueTask DisposeAsync() => view.DisposeAsync();

    private void Unpack(string folder, CancellationToken cancellationToken)
    {
        using var parts = new CheckpointParts(folder, image);
        try
        {
            foreach (var name in CheckpointParts.Wanted.Concat(Processes()).Where(CheckpointParts.IsWanted))
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var source = TryOpen(name);
                if (source is not null)
                {
                    using var target = parts.Create(name, FileStatus.Of(source).SizeBytes);
                    FileContent.Copy(source, target);
                }
            }

            parts.Complete();
        }
        catch (InvalidDataException e)
        {
            throw parts.Refuse(e);
        }
    }

    private List<string> Processes()
    {
        using var root = SafeFd.OpenDirectory(view.Folder);
        if (FilesAt.Status(root, Encoding.UTF8.GetBytes(CheckpointNames.Processes)) is not { Kind: FileKind.Folder })
        {
            return [];
        }

        using var folder = FilesAt.OpenSubfolder(root, Encoding.UTF8.GetBytes(CheckpointNames.Processes));
        return FileTree.Names(folder).ConvertAll(static n => $"{CheckpointNames.Processes}/{Encoding.UTF8.GetString(n)}");
    }

    private SafeFd? TryOpen(string name)
    {
        using var root = SafeFd.OpenDirectory(view.Folder);
        try
        {
            return FilesAt.OpenRegular(root, Encoding.UTF8.GetBytes(name));
        }
        catch (LinuxException e)
        {
            return e.IsNotFound ? null : throw Refuse($"has {name} as something else than a plain file: {e.Message}");
        }
    }

    private RuntimeException Refuse(string why) => RuntimeException.InvalidArgument($"the checkpoint {image} {why}");
}
