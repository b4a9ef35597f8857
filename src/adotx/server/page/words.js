// The page's sentences: a key and values in, a sentence in the chosen language out. Knows no more of the page than
// its data-t attributes.

const WORDS = {
  "skip": ["Skip to content", "본문으로 건너뛰기"],
  "language.other": ["한국어", "English"],
  "language.label": ["한국어로 보기", "Show in English"],
  "theme.label": ["Light or dark", "밝게 또는 어둡게"],
  "cancel": ["Cancel", "취소"],
  "again": ["New document", "새 문서"],
  "stop": ["Stop", "멈추기"],
  "copy": ["Copy", "복사"],
  "copied": ["Copied", "복사했습니다"],
  "download": ["Download", "내려받기"],
  "progress": ["Progress", "진행"],
  "model.reads": ["reads documents", "문서를 읽습니다"],
  "model.answers": ["reads documents, answers questions", "문서를 읽고 질문에 답합니다"],
  "model.text": ["answers questions, reads text only", "질문에 답하고, 글만 읽습니다"],
  "offline": ["The server does not answer.", "서버가 답하지 않습니다."],
  "failed.read": ["Not read. {reason}", "읽지 못했습니다. {reason}"],
  "failed.ask": ["Not answered. {reason}", "답하지 못했습니다. {reason}"],

  "start.title": ["Turn pages into text", "종이를 글로 옮깁니다"],
  "start.lead": ["Headings, tables and lists stay what they are, and every line can be traced back to its place on the page.",
    "제목과 표와 목록을 그대로 살리고, 모든 줄을 원래 자리와 맞춰 볼 수 있습니다."],
  "start.drop": ["Drop an image, a PDF or an office document here, or paste one", "이미지, PDF, 오피스 문서를 여기에 놓거나 붙여 넣으세요"],
  "start.choose": ["Choose a file", "파일 고르기"],
  "start.kinds": ["PNG, JPEG, WebP, TIFF, PDF, HWPX, HWP, DOCX, PPTX, XLSX or HTML", "PNG, JPEG, WebP, TIFF, PDF, HWPX, HWP, DOCX, PPTX, XLSX, HTML"],
  "start.pages": ["Pages", "쪽"],
  "start.all": ["all, or 1-3,7", "모두, 또는 1-3,7"],
  "start.chat": ["Just talk, without a document", "문서 없이 대화하기"],
  "start.private": ["Files are read by this server alone and kept nowhere.", "파일은 이 서버만 읽고, 어디에도 남기지 않습니다."],
  "start.blind": ["This model reads text only, no pictures. Start the server with a vision model to read documents.",
    "이 모델은 글만 읽고 그림은 보지 못합니다. 문서를 읽으려면 그림을 보는 모델로 서버를 시작하세요."],
  "start.pasted": ["Pasted picture", "붙여 넣은 그림"],

  "documents": ["Documents", "문서들"],
  "read.waits": ["Waiting for its turn", "차례를 기다리는 중"],
  "read.failed": ["Not read", "읽지 못했습니다"],
  "read.opening": ["Opening …", "여는 중 …"],
  "read.reading": ["Reading page {number} of {total}", "{total}쪽 가운데 {number}쪽 읽는 중"],
  "read.left": ["about {seconds} s left", "약 {seconds}초 남음"],
  "read.one": ["1 page read in {seconds} s", "1쪽을 {seconds}초에 읽었습니다"],
  "read.done": ["{pages} pages read in {seconds} s", "{pages}쪽을 {seconds}초에 읽었습니다"],
  "read.lost": ["{lost} of {pages} pages not read, or not all of them; {seconds} s", "{pages}쪽 가운데 {lost}쪽은 다 읽지 못했습니다. {seconds}초"],
  "read.stopped": ["Stopped; what was read is below.", "멈췄습니다. 읽은 데까지 보입니다."],

  "page.label": ["Page", "쪽"],
  "page.turn": ["Turn pages", "쪽 넘기기"],
  "page.previous": ["Previous page", "앞쪽"],
  "page.next": ["Next page", "뒤쪽"],
  "page.larger": ["Larger", "크게"],
  "page.smaller": ["Smaller", "작게"],
  "page.number": ["Page {number}", "{number}쪽"],
  "page.of": ["Page {number} of {total}", "{number} / {total}쪽"],
  "page.bare": ["Files of this kind have no pages. The text is the file's own.", "쪽 그림이 없는 형식입니다. 파일에 든 글을 그대로 옮겼습니다."],
  "page.picture": ["Picture of page {number}", "{number}쪽 그림"],
  "page.blank": ["Nothing is written on this page.", "이 쪽에는 글이 없습니다."],
  "page.failed": ["This page could not be read: {reason}", "이 쪽은 읽지 못했습니다: {reason}"],
  "page.partial": ["Something is missing: {reason}", "빠진 것이 있습니다: {reason}"],
  "page.note": ["Note: {reason}", "알림: {reason}"],
  "page.sure": ["{percent} % sure", "확신 {percent} %"],
  "page.sure.label": ["The share of its characters that are expected to be right", "맞게 읽었으리라 보는 글자의 비율"],
  "page.blocks": ["Text of page {number}. Arrow keys move from block to block, Enter shows where it stands.",
    "{number}쪽 글. 화살표로 옮겨 가고, Enter로 자리를 봅니다."],
  "doubt": ["This figure may be wrong; compare it with the page.", "틀렸을 수 있는 숫자입니다. 원래 쪽과 견주어 보세요."],
  "doubt.one": ["1 doubtful figure", "의심스러운 숫자 1개"],
  "doubt.many": ["{count} doubtful figures", "의심스러운 숫자 {count}개"],
  "block.shown": ["Shown on page {number}", "{number}쪽에 표시했습니다"],
  "block.nowhere": ["Its place on the page is not known.", "쪽에서 어디인지 알려져 있지 않습니다."],

  "tabs": ["Views", "보기"],
  "tab.text": ["Text", "글"],
  "tab.source": ["Markdown", "Markdown"],
  "tab.ask": ["Ask", "묻기"],

  "ask.log": ["Conversation", "대화"],
  "ask.question": ["Your question", "질문"],
  "ask.placeholder": ["Ask something …", "무엇이든 물어보세요 …"],
  "ask.send": ["Send", "보내기"],
  "ask.forget": ["New conversation", "새 대화"],
  "ask.you": ["You", "나"],
  "ask.picture": ["Picture of page {number}", "{number}쪽 그림"],
  "ask.text": ["Text of page {number}", "{number}쪽 글"],
  "ask.done": ["The answer is complete.", "답이 끝났습니다."],
  "ask.thinking": ["…", "…"],
  "ask.cut": ["The answer was cut off: the context is full.", "답이 잘렸습니다. 문맥이 가득 찼습니다."],
  "ask.stopped": ["Stopped.", "멈췄습니다."],
  "ask.hello": ["Ask about the page on the left, or about anything else.", "왼쪽 문서나 다른 무엇이든 물어보세요."],
  "ask.hello.free": ["Ask anything.", "무엇이든 물어보세요."],
  "ask.name": ["Conversation", "대화"],
  "ask.reads-only": ["{model} reads documents; it does not answer questions. To ask about a document, start the server with a model that answers: adotx serve MODEL",
    "{model} 모델은 문서를 읽기만 하고 질문에는 답하지 않습니다. 문서에 대해 물으려면 답하는 모델로 서버를 시작하세요: adotx serve MODEL"],

  "tools.title": ["Tools", "도구"],
  "tools.document": ["Let it look things up in the document", "문서에서 찾아보게 하기"],
  "tools.own": ["Your own functions, as the API describes them (JSON list)", "직접 정한 함수, API 형식(JSON 목록)"],
  "tools.broken": ["The functions are no JSON list.", "함수가 JSON 목록이 아닙니다."],
  "tools.calls": ["calls {name}", "{name} 호출"],
  "tools.result": ["Result", "결과"],
  "tools.give": ["Result of {name}", "{name}의 결과"],
  "tools.go-on": ["Give result", "결과 주기"],

  "key": ["Key", "키"],
  "key.title": ["This server wants a key", "이 서버에는 키가 필요합니다"],
  "key.label": ["API key", "API 키"],
  "key.hint": ["It is kept in this tab until you close it.", "이 탭을 닫을 때까지만 간직합니다."],
  "key.use": ["Use it", "쓰기"],
  "password.title": ["The document is protected", "암호가 걸린 문서입니다"],
  "password.wrong": ["That is not its password", "암호가 맞지 않습니다"],
  "password.label": ["Password", "암호"],
  "password.open": ["Open", "열기"],
};

const listeners = [];

export const language = () => document.documentElement.lang;

/** The sentence of a key; its {fields} filled. */
export function t(key, values = {}) {
  const sentence = WORDS[key][language() === "ko" ? 1 : 0];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Call now, and whenever the language changes. */
export function spoken(say) {
  listeners.push(say);
  say();
}

export function setLanguage(code) {
  document.documentElement.lang = code;
  try { localStorage.setItem("adotx.language", code); } catch { /* not kept then */ }
  listeners.forEach((say) => say());
}

/** All elements that say by an attribute what they say. */
export function sayAll() {
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = t(each.dataset.t);
  for (const each of document.querySelectorAll("[data-t-label]")) each.setAttribute("aria-label", t(each.dataset.tLabel));
  for (const each of document.querySelectorAll("[data-t-placeholder]")) each.placeholder = t(each.dataset.tPlaceholder);
}
