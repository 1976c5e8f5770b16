using Berth.Abstractions;
using Berth.Containers.Rootfs;
using Xunit;

namespace Berth.Tests.Unit.Containers.Rootfs;

public sealed class RootfsFormsTests
{
    [Theory]
    [InlineData(new[] { RootfsForm.Mounted, RootfsForm.Layers }, true, RootfsForm.Mounted)]
    [InlineData(new[] { RootfsForm.OciLayout, RootfsForm.Layers }, true, RootfsForm.Layers)]
    [InlineData(new[] { RootfsForm.Block, RootfsForm.Mounted }, true, RootfsForm.Block)]
    [InlineData(new[] { RootfsForm.Block, RootfsForm.Mounted }, false, RootfsForm.Mounted)]
    [InlineData(new[] { RootfsForm.None, RootfsForm.Layers }, true, RootfsForm.Layers)]
    public void Choose_AmongAHandlersForms_TakesTheFirstThatCanBeMade(RootfsForm[] forms, bool canMakeBlocks, RootfsForm chosen) =>
        Assert.Equal(chosen, RootfsForms.Choose("h", new() { RootfsForms = forms }, forms, canMakeBlocks));

    [Fact]
    public void Choose_WithAStoreOfTheHandlersOwn_TakesNone()
    {
        HandlerFeatures features = new() { RootfsForms = [RootfsForm.None, RootfsForm.Layers], OwnsImageStore = true };
        Assert.Equal(RootfsForm.None, RootfsForms.ForContainer("h", features));
        Assert.Equal(RootfsForm.Layers, RootfsForms.ForStore("h", features));
    }

    [Theory]
    [InlineData(RootfsForm.Block, "install erofs-utils")]
    [InlineData(RootfsForm.OciLayout, "repair the plugin")]
    public void Choose_WithoutAFormThatCanBeMade_SaysWhatToDo(RootfsForm form, string remedy)
    {
        var failure = Assert.Throws<RuntimeException>(() => RootfsForms.Choose("h", new() { RootfsForms = [form] }, [form], canMakeBlocks: false));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
        Assert.Contains("handler h", failure.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, failure.Message, StringComparison.Ordinal);
    }
}
