using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>The message ImageSpec where it is a part of others: of a container's configuration, and of a mount.</summary>
internal static class ImageSpecMapping
{
    public static ImageDetails ToDetails(Protos.ImageSpec image, string field) => new()
    {
        UserSpecifiedImage = Field.Line(image.UserSpecifiedImage, $"{field}.user_specified_image"),
        Annotations = Tags.Annotations(image.Annotations, $"{field}.annotations"),
        RuntimeHandler = Field.Line(image.RuntimeHandler, $"{field}.runtime_handler"),
        Reference = Field.Line(image.ImageRef, $"{field}.image_ref"),
    };

    public static Protos.ImageSpec ToProto(string name, ImageDetails details) => new()
    {
        Image = name,
        UserSpecifiedImage = details.UserSpecifiedImage,
        Annotations = { details.Annotations.ToDictionary() },
        RuntimeHandler = details.RuntimeHandler,
        ImageRef = details.Reference,
    };
}
