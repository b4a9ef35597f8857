"""How other libraries call the processor: names, arguments, padding, truncation, masks, pipelines."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from packaging import version

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers import AutoProcessor, pipeline  # noqa: E402

import adotx.hf as hf  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from test_hf_parts import small_config, small_model, write_processor  # noqa: E402
from test_hf_processor import ASK, RED, WIDE  # noqa: E402

TEMPLATE = """\
{% for m in messages %}<|im_start|><|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}\
{% for c in m.content %}{{ c.text }}{% endfor %}<|im_end|>{% endgeneration %}{% else %}\
{% for c in m.content %}{% if c.type == 'image' %}<|extra_id_11|>{% else %}{{ c.text }}{% endif %}\
{% endfor %}\
<|im_end|>{% endif %}{% endfor %}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = write_processor(tmp_path_factory.mktemp("processor"))
    small_config().save_pretrained(path)
    return path


@pytest.fixture
def processor(folder):
    return AutoProcessor.from_pretrained(folder)


def asked(image, text="what?"):
    return [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": text}]}]


def answered(image, answer):
    return [*asked(image), {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def test_tiles_under_the_names_of_other_libraries(processor):
    images = processor.image_processor
    out = images([RED, WIDE], crop_to_patches=True, return_tensors="pt")
    assert out["num_patches"].tolist() == out["num_tiles"].tolist() == [1, 3]
    with pytest.raises(AdotxError, match="crop_to_patches is False"):
        images(RED, crop_to_patches=False)
    assert images.get_number_of_image_patches(64, 128, {}) == 3
    assert images.get_number_of_image_patches(64, 128, {"max_num_tiles": 1}) == 1
    counted = processor._get_num_multimodal_tokens(image_sizes=[(64, 64), (64, 128)])
    assert counted["num_image_tokens"] == [4, 12] and counted["num_image_patches"] == [1, 3]
    assert processor._get_num_multimodal_tokens()["num_image_tokens"] is None
    assert processor.replace_image_token(out, 1) == "<|extra_id_11|>" * 12


def test_where_image_tokens_were_replaced(processor):
    text = "가<|extra_id_11|>나<|extra_id_11|>"
    out = processor(
        images=[[WIDE, RED], []],
        text=[text, "none"],
        return_text_replacement_offsets=True,
        return_mm_token_type_ids=True,
        padding=True,
        return_tensors="pt",
    )
    whole = processor(images=[WIDE, RED], text=text)["input_ids"][0]
    expanded = processor.tokenizer.decode(whole)
    places, none = out["text_replacement_offsets"]
    assert none == [] and [text[slice(*p["span"])] for p in places] == ["<|extra_id_11|>"] * 2
    assert [expanded[slice(*p["new_span"])] for p in places] == [p["replacement"] for p in places]
    assert [p["replacement"].count("<|extra_id_11|>") for p in places] == [12, 4]
    types = torch.as_tensor(out["mm_token_type_ids"])
    assert torch.equal(types.bool(), out["input_ids"] == 22)


@pytest.mark.skipif(
    version.parse(transformers.__version__) < version.parse("5.19"),
    reason="older transformers do not ask where image tokens were replaced",
)
def test_own_template_masks_the_answer(processor):
    for picture in (RED, WIDE):
        out = processor.apply_chat_template(
            answered(picture, "답입니다"),
            chat_template=TEMPLATE,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            return_assistant_tokens_mask=True,
        )
        mask = torch.as_tensor(out["assistant_masks"])[0].bool()
        assert processor.decode(out["input_ids"][0][mask]) == "답입니다<|im_end|>"


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_padding_side(processor, side):
    tokenizer = processor.tokenizer
    assert tokenizer.padding_side == "left"
    tokenizer.padding_side = side
    rows = [[{"role": "user", "content": text}] for text in ("가", "가나다라")]
    options = {"padding": True, "return_tensors": "pt", "return_dict": True, "tokenize": True}
    batches = [
        processor.apply_chat_template(rows, **options),
        tokenizer.apply_chat_template(rows, **options),
        processor(text=["가", "가나다라"], padding=True, return_tensors="pt"),
        tokenizer(["가", "가나다라"], padding=True, return_tensors="pt"),
    ]
    for batch in batches:
        assert batch["attention_mask"][0, 0 if side == "left" else -1] == 0
        assert batch["attention_mask"][0, -1 if side == "left" else 0] == 1


def test_padding_side_is_the_callers(folder, tmp_path):
    assert hf.AX4Tokenizer.from_pretrained(folder, padding_side="right").padding_side == "right"
    assert copy.deepcopy(AutoProcessor.from_pretrained(folder)).tokenizer.padding_side == "left"


def test_unknown_arguments_are_refused(processor):
    for wrong in ({"max_num_tile": 3}, {"text_kwargs": {"pading": True}}, {"images_kwargs": {"tiles": 1}}):
        with pytest.raises(AdotxError, match="unknown argument") as caught:
            processor(images=RED, text="<|extra_id_11|>", **wrong)
        assert "\n" not in str(caught.value)
    for media in ({"videos": [np.zeros((4, 8, 8, 3), np.uint8)]}, {"audio": [np.zeros(9)]}):
        with pytest.raises(AdotxError, match="reads images only"):
            processor(text="x", **media)
    assert list(processor(text="x", videos=None, audio=[])) == ["input_ids", "attention_mask"]
    chat = asked(RED)
    for wrong in ({"enable_thinking": False}, {"processor_kwargs": {"max_num_tile": 3}}):
        for tokenize in (True, False):
            with pytest.raises(AdotxError, match="unknown argument"):
                processor.apply_chat_template(chat, tokenize=tokenize, **wrong)
    with pytest.raises(AdotxError, match="video"):
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "video", "path": "x.mp4"}]}], tokenize=True
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_num_tiles": "four"}, {"max_num_tiles": 1.5}, {"max_num_tiles": True}, {"max_num_tiles": 10**9},
        {"min_num_tiles": -1}, {"min_num_tiles": 9, "max_num_tiles": 2}, {"use_thumbnail": "yes"},
        {"published_pixels": 1}, {"size": {"shortest_edge": 7}}, {"image_mean": [0, 0, 0]},
        {"do_resize": False}, {"crop_size": 8}, {"do_center_crop": True}, {"resample": 99},
        {"data_format": "channels_last"},
    ],
)  # fmt: skip
def test_values_that_a_call_cannot_have_are_refused(processor, wrong):
    """Of the wrong type, or of a step that would be passed over."""
    with pytest.raises(AdotxError) as caught:
        processor.image_processor(images=[WIDE], **wrong)
    assert "\n" not in str(caught.value) and caught.value.code in ("processor.unsupported", "tiles.rule")


def test_values_of_the_files_may_be_said_again(processor):
    own = processor.image_processor
    again = {"size": own.size, "image_mean": tuple(own.image_mean), "resample": own.resample}
    again |= {"data_format": "channels_first"}
    again |= {"do_resize": True, "use_thumbnail": None, "do_center_crop": False, "device": "cpu"}
    both = own(images=[WIDE], **again)["pixel_values"], own(images=[WIDE])["pixel_values"]
    assert np.array_equal(*both)


def test_what_the_format_has_no_place_for_does_not_change_the_road(processor):
    """A variable would have sent the conversation through a text whose control tokens are read."""
    tokenizer = processor.tokenizer
    chat = [{"role": "user", "content": "<|im_end|>"}]
    ids = tokenizer.apply_chat_template(chat)
    assert tokenizer.apply_chat_template(chat, documents=[], add_special_tokens=False) == ids
    assert tokenizer.apply_chat_template(chat, documents=None, xml_tools=None) == ids
    for tokenize in (True, False):
        with pytest.raises(AdotxError, match=r"no place for documents .put their text"):
            tokenizer.apply_chat_template(chat, documents=[{"text": "x"}], tokenize=tokenize)
        with pytest.raises(AdotxError, match="unknown argument 'enable_thinking'"):
            tokenizer.apply_chat_template(chat, enable_thinking=False, tokenize=tokenize)
    own = "{{ documents[0].text }}{{ day }}"
    made = tokenizer.apply_chat_template(
        chat, chat_template=own, documents=[{"text": "a"}], day="b", tokenize=False
    )
    assert made == "ab"


def test_truncation_of_conversations(processor):
    chat = [{"role": "user", "content": "가나다라마바사"}]
    whole = processor.apply_chat_template(chat, tokenize=True)[0]
    options = {"tokenize": True, "truncation": True, "max_length": 7}
    assert processor.apply_chat_template(chat, **options) == [whole[:7]]
    assert processor.tokenizer.apply_chat_template(chat, **options) == whole[:7]
    processor.tokenizer.truncation_side = "left"
    assert processor.apply_chat_template(chat, **options) == [whole[-7:]]
    processor.tokenizer.truncation_side = "right"
    rows = [answered(RED, "red"), answered(RED, "blue")]
    room = len(processor.apply_chat_template(rows, tokenize=True)[0]) - 2
    masked = processor.apply_chat_template(
        rows, **{**options, "max_length": room}, return_dict=True, return_assistant_tokens_mask=True
    )
    assert all(len(row) == room for key in ("input_ids", "assistant_masks") for row in masked[key])
    for ids, mask, kept in zip(masked["input_ids"], masked["assistant_masks"], ("re", "bl"), strict=True):
        assert processor.decode([i for i, m in zip(ids, mask, strict=True) if m]) == kept
    with pytest.raises(AdotxError, match=r"image slots are left of 12: truncation cut into an image"):
        processor.apply_chat_template(asked(WIDE), **{**options, "max_length": 9})


def test_arrays_with_channels_first_or_last(processor):
    array = np.asarray(WIDE)
    expected = processor.image_processor(WIDE)["pixel_values"]
    for same in (array, array.transpose(2, 0, 1), torch.from_numpy(array.copy()).permute(2, 0, 1)):
        assert np.array_equal(processor.image_processor(same)["pixel_values"], expected)
    grey = np.asarray(WIDE.convert("L"))
    assert np.array_equal(
        processor.image_processor(grey[None])["pixel_values"], processor.image_processor(grey)["pixel_values"]
    )
    for wrong in (np.zeros((9, 9, 9), np.uint8), np.zeros((2, 3, 4, 3), np.uint8), array / 255):
        with pytest.raises(AdotxError, match="array of") as caught:
            processor.image_processor([wrong])
        assert "\n" not in str(caught.value)


def test_pipeline_in_batches_equals_alone(processor):
    model = small_model(seed=3)
    pipe = pipeline("image-text-to-text", model=model, processor=processor)
    options = {"max_new_tokens": 6, "return_full_text": False}
    chats = [asked(RED, "짧게"), asked(WIDE, "이것은 훨씬 더 긴 질문입니다. 무엇이 적혀 있나요?")]

    def texts(outputs):
        return [(one[0] if isinstance(one, list) else one)["generated_text"] for one in outputs]

    alone = texts([pipe(text=chat, **options) for chat in chats])
    assert texts(pipe(text=chats, batch_size=2, **options)) == alone
    prefilled = pipe(text=[*chats[0], {"role": "assistant", "content": [{"type": "text", "text": "이것은"}]}],
                     max_new_tokens=2)  # fmt: skip
    assert prefilled[0]["generated_text"][-1]["content"][0]["text"].startswith("이것은")
    text = processor.apply_chat_template(chats[0], add_generation_prompt=True)
    by_text = pipe(images=RED, text=text, **options)
    assert texts([by_text]) == alone[:1]
    assert ASK[0]["content"][0] == {"type": "image"}
